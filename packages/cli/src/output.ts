import { withoutControls } from './error-line.ts';

/** What a command has to say, on stdout: JSON, one object a line, with `--json`; else text for people. */
export interface Output {
  readonly json: boolean;
  /** Something that happened; stamped with the time. `text` is what people read; null says nothing to them. */
  event(event: { event: string } & Record<string, unknown>, text: string | null): void;
  /** A hint that is of use to people alone: nothing with `--json`. */
  note(text: string): void;
  /** Something that was asked for. */
  result(result: object, text: string): void;
}

export function createOutput(json = false): Output {
  return {
    json,
    event({ event, ...fields }, text) {
      if (json) writeLine(JSON.stringify({ event, at: Date.now(), ...fields }));
      else if (text !== null) writeLine(shown(text));
    },
    note(text) {
      if (!json) writeLine(shown(text));
    },
    result(result, text) {
      writeLine(json ? JSON.stringify(result) : shown(text));
    },
  };
}

/** Names of devices and supernodes, and what others say, do not steer the terminal. */
const shown = (text: string): string => text.replace(/[^\n\t]+/g, withoutControls);

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
