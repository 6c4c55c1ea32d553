import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ } from './audio-format.ts';

/** Two tones that take turns, as bells have two; and how loud, of full scale. */
const RING = { hz: [853, 960], turnMs: 50, onMs: 1000, everyMs: 3000, amplitude: 0.25 };
/** What a caller hears while it rings (ETSI TR 101 041-2: 425 Hz, 1 s, then 4 s of nothing). */
const RINGBACK = { hz: [425], turnMs: 1000, onMs: 1000, everyMs: 5000, amplitude: 0.1 };
/** A tone begins and ends softly: without that it clicks, ms. */
const RAMP_MS = 10;

/** The n-th 20 ms of ringing: for who is called, or for who calls. */
export function ringFrame(kind: 'ring' | 'ringback', n: number): Int16Array {
  const { hz, turnMs, onMs, everyMs, amplitude } = kind === 'ring' ? RING : RINGBACK;
  const frame = new Int16Array(FRAME_SAMPLES);
  for (let i = 0; i < FRAME_SAMPLES; i++) {
    const ms = (n * FRAME_MS + (i * 1000) / SAMPLE_RATE_HZ) % everyMs;
    if (ms >= onMs) break;
    const pitch = hz[Math.floor(ms / turnMs) % hz.length]!;
    const turn = ms % turnMs;
    const softness = Math.min(1, turn / RAMP_MS, (turnMs - turn) / RAMP_MS);
    frame[i] = Math.round(32767 * amplitude * softness * Math.sin((2 * Math.PI * pitch * ms) / 1000));
  }
  return frame;
}
