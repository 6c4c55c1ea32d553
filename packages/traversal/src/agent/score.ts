import { estimateMos } from '@overcall/quality';
import type { Path } from './path.ts';

/** What playing and coding add to the network's delay on any path, ms; only differences between paths matter. */
const ENDPOINT_DELAY_MS = 80;
/** Delay that is assumed before it is measured, ms: a path that nobody has tried is not better than one that works. */
const UNKNOWN_RTT_MS = 300;
/** A direct path is worth so many points of R more: it costs no supernode, and nobody sees who talks. */
const DIRECT_BONUS = 1;
/** What TCP costs besides its round trip, in points of R: one lost segment holds up all that come after it. */
const TCP_MALUS = 5;
/** Losses in bursts, as they are on real paths (G.107, 7.5). */
const BURST_RATIO = 1.5;

/** Expected voice quality of a path: R of the E-model (ITU-T G.107), 0..100, plus the bonus for direct ones. */
export function scoreOf(path: Path): number {
  const rttMs = (path.rttMs ?? UNKNOWN_RTT_MS) + 2 * path.rttVarianceMs;
  const lossPct = Math.max(path.lossInPct ?? 0, path.lossOutPct ?? 0);
  const { r } = estimateMos({ delayMs: rttMs / 2 + ENDPOINT_DELAY_MS, lossPct, burstRatio: BURST_RATIO });
  return r + (path.isDirect ? DIRECT_BONUS : 0) - (path.transport === 'tcp' ? TCP_MALUS : 0);
}
