/** The first bound and the last one, ms. */
export interface Backoff {
  firstMs: number;
  lastMs: number;
}

/**
 * Full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015): anywhere up to a bound that doubles with each
 * failure. A crowd that fails together does not come back together.
 */
export function fullJitter({ firstMs, lastMs }: Backoff, failures: number, random: () => number): number {
  return random() * Math.min(lastMs, firstMs * 2 ** Math.max(0, failures - 1));
}

/** A time that recurs, a quarter earlier or later: what began together does not go on together. `random` is from [0, 1). */
export function quarterJitter(timeMs: number, random: () => number): number {
  return timeMs * (0.75 + random() / 2);
}
