import { FRAME_SAMPLES, SAMPLE_RATE_HZ, silentFrame } from './audio-format.ts';
import { parseSourceSpec } from './audio-spec.ts';
import { readRecording } from './wav-reader.ts';

/** Where the sound that is sent comes from. */
export interface AudioSource {
  /** What it is, for people: the file name, `tone 440 Hz`, `silence`. */
  readonly label: string;
  /** What is not taken now is gone: a microphone. */
  readonly isLive?: boolean;
  /** The next 20 ms (960 samples), not to be changed; null once it has ended. The caller then sends silence. */
  next(): Int16Array | null;
  /**
   * Of a live one: whether its next frame has not come yet and is worth waiting for some ms, while so many are due: after this
   * process was held up, what it delivered meanwhile is still to be read.
   */
  isLate?(due: number): boolean;
  /** Nobody hears it, or somebody does again: what is taken meanwhile need not be made fit to be heard. */
  setMuted?(on: boolean): void;
  /** Gives back what it holds: a device. */
  close?(): Promise<void>;
}

/** Amplitude of a test tone: -12 dB below full scale, clear without being unpleasant. */
const TONE_AMPLITUDE = 32767 / 4;

/** Opens `x.wav`, `tone[:HZ]` or `null`; throws OvercallErrors fit for people. Devices are opened by `devices/`. */
export async function openSource(spec: string): Promise<AudioSource> {
  const parsed = parseSourceSpec(spec);
  switch (parsed.kind) {
    case 'file':
      return samplesSource(await readRecording(parsed.path), parsed.path);
    case 'tone':
      return toneSource(parsed.hz);
    case 'null':
      return { label: 'silence', next: silentFrame };
    case 'mic':
      throw new TypeError('a microphone is no recording');
  }
}

/** Plays samples once; silence fills the last frame. */
export function samplesSource(samples: Int16Array, label: string): AudioSource {
  let at = 0;
  return {
    label,
    next() {
      if (at >= samples.length) return null;
      const frame = samples.subarray(at, at + FRAME_SAMPLES);
      at += FRAME_SAMPLES;
      if (frame.length === FRAME_SAMPLES) return frame;
      const last = silentFrame();
      last.set(frame);
      return last;
    },
  };
}

function toneSource(hz: number): AudioSource {
  const step = (2 * Math.PI * hz) / SAMPLE_RATE_HZ;
  let phase = 0;
  return {
    label: `tone ${hz} Hz`,
    next() {
      const frame = silentFrame();
      for (let i = 0; i < FRAME_SAMPLES; i++) {
        frame[i] = Math.round(TONE_AMPLITUDE * Math.sin(phase));
        phase = (phase + step) % (2 * Math.PI);
      }
      return frame;
    },
  };
}
