/** Samples on either side of the point in between that is worked out: -1, 0, 1, 2. */
const NEIGHBOURS = 3;

/**
 * Makes sound a little longer or shorter, by a few tenths of a percent at most, without a seam: cubic (Catmull-Rom)
 * interpolation at a position that moves on by `ratio` for each sample that comes out. At a ratio of exactly 1 from the
 * start the samples pass unchanged. Delays by two samples.
 */
export class RateConverter {
  #history = new Int16Array(NEIGHBOURS);
  /** Of the next sample to come out, counted from the start of the history. */
  #position = 1;

  /** @param ratio samples that go in for each one that comes out */
  convert(input: Int16Array, ratio: number): Int16Array {
    const samples = new Int16Array(NEIGHBOURS + input.length);
    samples.set(this.#history);
    samples.set(input, NEIGHBOURS);
    const out = new Int16Array(Math.ceil(input.length / ratio) + 1);
    let count = 0;
    while (Math.floor(this.#position) + 2 < samples.length) {
      out[count++] = valueAt(samples, this.#position);
      this.#position += ratio;
    }
    this.#history = samples.slice(samples.length - NEIGHBOURS);
    this.#position -= samples.length - NEIGHBOURS;
    return out.subarray(0, count);
  }
}

function valueAt(samples: Int16Array, position: number): number {
  const index = Math.floor(position);
  const t = position - index;
  const before = samples[index - 1]!;
  const left = samples[index]!;
  const right = samples[index + 1]!;
  const after = samples[index + 2]!;
  if (t === 0) return left;
  const slope = right - before;
  const bend = 2 * before - 5 * left + 4 * right - after;
  const twist = 3 * (left - right) + after - before;
  const value = left + 0.5 * t * (slope + t * (bend + t * twist));
  return Math.max(-32768, Math.min(32767, Math.round(value)));
}
