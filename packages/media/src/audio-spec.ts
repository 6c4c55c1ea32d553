import { OvercallError } from '@overcall/wire';

/** What `--play` may name. */
export type SourceSpec =
  | { kind: 'file'; path: string }
  | { kind: 'tone'; hz: number }
  | { kind: 'mic' }
  | { kind: 'null' };
/** What `--record` may name. */
export type SinkSpec = { kind: 'file'; path: string } | { kind: 'speaker' } | { kind: 'null' };

const DEFAULT_TONE_HZ = 440;

/** Parses `x.wav`, `tone[:HZ]`, `mic` or `null`; throws `audio-spec-unknown`. */
export function parseSourceSpec(spec: string): SourceSpec {
  if (spec === 'null' || spec === 'mic') return { kind: spec };
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
  throw new OvercallError('audio-spec-unknown', `cannot play "${spec}": use x.wav, tone[:HZ], mic or null`);
}

/** Parses `x.wav`, `speaker` or `null`; throws `audio-spec-unknown`. */
export function parseSinkSpec(spec: string): SinkSpec {
  if (spec === 'null' || spec === 'speaker') return { kind: spec };
  if (/\.wav$/i.test(spec)) return { kind: 'file', path: spec };
  throw new OvercallError('audio-spec-unknown', `cannot record to "${spec}": use x.wav, speaker or null`);
}

/** The error for a sound device that this build cannot open: what would bring one, and what works without. */
export function deviceMissing(device: 'mic' | 'speaker'): OvercallError {
  const [tools, instead] =
    device === 'mic'
      ? [
          'pw-cat (package pipewire-bin), parec (pulseaudio-utils) or arecord (alsa-utils)',
          '--play x.wav|tone|null',
        ]
      : [
          'pw-cat (package pipewire-bin), pacat (pulseaudio-utils) or aplay (alsa-utils)',
          '--record x.wav|null',
        ];
  const message = `no ${device} here: sound devices need ${tools}, which this version does not drive yet; use ${instead}`;
  return new OvercallError('audio-device-missing', message);
}
