import { estimateMos } from './e-model.ts';

/** What playing and coding add to the network's delay on any path, ms; only differences between paths matter. */
const ENDPOINT_DELAY_MS = 80;
/** Losses in bursts, as they are on real paths (G.107, 7.5). */
const BURST_RATIO = 1.5;

/** Expected voice quality of a path by what is measured of it: R of the E-model (ITU-T G.107), 0..100, half of the round trip being the way there. */
export function ratePath({ rttMs, lossPct }: { rttMs: number; lossPct: number }): number {
  return estimateMos({ delayMs: rttMs / 2 + ENDPOINT_DELAY_MS, lossPct, burstRatio: BURST_RATIO }).r;
}
