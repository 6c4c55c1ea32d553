import { OvercallError } from '@overcall/wire';

/** What `--play` may name. */
export type SourceSpec =
  | { kind: 'file'; path: string }
  | { kind: 'tone'; hz: number }
  /** `device`: null for the default one. */
  | { kind: 'mic'; device: string | null }
  | { kind: 'null' };
/** What `--record` may name. */
export type SinkSpec =
  | { kind: 'file'; path: string }
  | { kind: 'speaker'; device: string | null }
  | { kind: 'null' };

const DEFAULT_TONE_HZ = 440;

/** The device in `mic:DEVICE`, null in `mic`; undefined when it is another word. */
function deviceIn(spec: string, word: string): string | null | undefined {
  if (spec === word) return null;
  const isNamed = spec.startsWith(`${word}:`) && spec.length > word.length + 1;
  return isNamed ? spec.slice(word.length + 1) : undefined;
}

/** Parses `x.wav`, `tone[:HZ]`, `mic[:DEVICE]` or `null`; throws `audio-spec-unknown`. */
export function parseSourceSpec(spec: string): SourceSpec {
  if (spec === 'null') return { kind: 'null' };
  const device = deviceIn(spec, 'mic');
  if (device !== undefined) return { kind: 'mic', device };
  const tone = /^tone(?::(\d+(?:\.\d+)?))?$/.exec(spec);
  if (tone) {
    const hz = tone[1] === undefined ? DEFAULT_TONE_HZ : Number(tone[1]);
    if (hz < 20 || hz > 20_000) {
      throw new OvercallError('audio-spec-unknown', `the tone ${spec} is out of range: 20 to 20000 Hz`);
    }
    return { kind: 'tone', hz };
  }
  // Anything that looks like a file name is taken for one, so that the message about it names the file.
  if (/[./\\]/.test(spec)) return { kind: 'file', path: spec };
  throw new OvercallError(
    'audio-spec-unknown',
    `cannot play "${spec}": use x.wav, tone[:HZ], mic[:DEVICE] or null`,
  );
}

/** Parses `x.wav`, `speaker[:DEVICE]` or `null`; throws `audio-spec-unknown`. */
export function parseSinkSpec(spec: string): SinkSpec {
  if (spec === 'null') return { kind: 'null' };
  const device = deviceIn(spec, 'speaker');
  if (device !== undefined) return { kind: 'speaker', device };
  if (/\.wav$/i.test(spec)) return { kind: 'file', path: spec };
  throw new OvercallError(
    'audio-spec-unknown',
    `cannot record to "${spec}": use x.wav, speaker[:DEVICE] or null`,
  );
}
