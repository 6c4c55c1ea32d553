/**
 * Time-stretching of speech without change of pitch, by leaving out or repeating one period of it (WSOLA: W. Verhelst and
 * M. Roelands, ICASSP 1993; NetEq does likewise): where a signal is like itself a lag later, a cross-fade from one to the other is not heard.
 * Frames are 48 kHz mono of 20 ms or more.
 */

/** Lags that are tried, samples: 2.5 to 10 ms, so 100 to 400 Hz, or multiples of shorter periods. */
const MIN_LAG = 120;
const MAX_LAG = 480;
/** Length of what is compared and at least cross-faded, samples: 5 ms. */
const COMPARED = 240;
/** Coarse search looks at every so-manieth sample. */
const COARSE_STEP = 4;
/** What is to be said faster is cut into pieces of so many samples, 20 ms; one that is still so long, 15 ms, is made shorter once more. */
const PIECE = 960;
const SHORTENED_AGAIN_FROM = 720;
/** Correlation from which two pieces are like each other, and what is enough when it is urgent: an artefact is then the lesser evil. */
const ALIKE = 0.85;
const ALIKE_ENOUGH = 0.5;
/** Below this level, -56 dB of full scale, nothing is heard of a seam. */
const QUIET_RMS = 50;

/** A frame shortened by 2.5 to 10 ms; null when that would be heard. */
export function shorten(frame: Int16Array, isUrgent: boolean): Int16Array | null {
  const lag = seamlessLag(frame, isUrgent);
  if (lag === null) return null;
  const out = new Int16Array(frame.length - lag);
  const faded = Math.min(lag, out.length);
  crossFade(out, frame.subarray(0, faded), frame.subarray(lag, lag + faded), 0);
  out.set(frame.subarray(lag + faded), faded);
  return out;
}

/**
 * Samples of 20 ms, or a multiple, said faster: 1.4 to 2 times in speech, twice as fast in pauses. What a high voice repeats is short, so two
 * of it go. As they are where that would be heard.
 */
export function hurried(samples: Int16Array): Int16Array {
  const pieces: Int16Array[] = [];
  for (let at = 0; at < samples.length; at += PIECE) {
    const piece = samples.subarray(at, at + PIECE);
    if (piece.length < SHORTENED_AGAIN_FROM) pieces.push(piece);
    else {
      const shorter = shorten(piece, true) ?? piece;
      pieces.push(shorter.length < SHORTENED_AGAIN_FROM ? shorter : (shorten(shorter, true) ?? shorter));
    }
  }
  if (pieces.length === 1) return pieces[0]!;
  const out = new Int16Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/** A frame lengthened by 2.5 to 10 ms; null when that would be heard. */
export function lengthen(frame: Int16Array): Int16Array | null {
  const lag = seamlessLag(frame, false);
  if (lag === null) return null;
  const out = new Int16Array(frame.length + lag);
  const faded = Math.min(lag, frame.length - lag);
  out.set(frame.subarray(0, lag));
  crossFade(out, frame.subarray(lag, lag + faded), frame.subarray(0, faded), lag);
  out.set(frame.subarray(faded), lag + faded);
  return out;
}

function crossFade(out: Int16Array, from: Int16Array, to: Int16Array, at: number): void {
  const { length } = from;
  for (let i = 0; i < length; i++) out[at + i] = Math.round((from[i]! * (length - i) + to[i]! * i) / length);
}

/** The lag at which the beginning of a frame is most like what follows; null when it is not like it enough. */
function seamlessLag(frame: Int16Array, isUrgent: boolean): number | null {
  if (energy(frame, 0, frame.length, COARSE_STEP) < QUIET_RMS ** 2) return MAX_LAG;
  let best = { lag: MIN_LAG, correlation: -1 };
  const consider = (lag: number, step: number) => {
    const correlation = correlationAt(frame, lag, step);
    if (correlation > best.correlation) best = { lag, correlation };
  };
  for (let lag = MIN_LAG; lag <= MAX_LAG; lag += COARSE_STEP) consider(lag, COARSE_STEP);
  const coarse = best.lag;
  best = { lag: coarse, correlation: -1 };
  const highest = Math.min(MAX_LAG, coarse + COARSE_STEP);
  for (let lag = Math.max(MIN_LAG, coarse - COARSE_STEP); lag <= highest; lag++) consider(lag, 1);
  return best.correlation >= (isUrgent ? ALIKE_ENOUGH : ALIKE) ? best.lag : null;
}

function correlationAt(frame: Int16Array, lag: number, step: number): number {
  let product = 0;
  let first = 1;
  let second = 1;
  for (let i = 0; i < COMPARED; i += step) {
    const [a, b] = [frame[i]!, frame[i + lag]!];
    product += a * b;
    first += a * a;
    second += b * b;
  }
  return product / Math.sqrt(first * second);
}

/** Mean square. */
function energy(frame: Int16Array, from: number, to: number, step: number): number {
  let sum = 0;
  for (let i = from; i < to; i += step) sum += frame[i]! ** 2;
  return (sum * step) / (to - from);
}
