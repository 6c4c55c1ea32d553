/** Results on stdout: one JSON object a line with `--json`, text for people otherwise. */
export interface Output {
  readonly json: boolean;
  /** `text` is what people read; null says nothing to them. */
  event(event: { event: string } & Record<string, unknown>, text: string | null): void;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    event({ event, ...fields }, text) {
      if (json) process.stdout.write(`${JSON.stringify({ event, at: Date.now(), ...fields })}\n`);
      else if (text !== null) process.stdout.write(`${text}\n`);
    },
  };
}
