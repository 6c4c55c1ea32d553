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
/**
 * What of the loss is heard: senders repeat frames, and only a small part is not recovered (bench/voice: 0.2 of 20% random, 3 of 10% in
 * bursts), but the copies have to be waited for, and take bandwidth.
 */
const AUDIBLE_LOSS = 0.2;
/** Losses in bursts, as they are on real paths (G.107, 7.5). */
const BURST_RATIO = 1.5;

/** And each supernode after the first: it costs somebody's bandwidth, and is one more that may fail. */
const HOP_MALUS = 0.5;

/** Expected voice quality of a path: R of the E-model (ITU-T G.107), 0..100, with what a path of its kind is worth besides. */
export const scoreOf = (path: Path): number => scoreWith(path, path.lossPct ?? path.rememberedLossPct);

/** The same if what it lost when it was left is past. */
export const hopefulScoreOf = (path: Path): number => scoreWith(path, path.lossPct ?? 0);

export const losslessScoreOf = (path: Path): number => scoreWith(path, 0);

function scoreWith(path: Path, lossPct: number): number {
  const rttMs = (path.roundTrips.medianMs ?? UNKNOWN_RTT_MS) + 2 * path.roundTrips.spreadMs;
  const { r } = estimateMos({
    delayMs: rttMs / 2 + ENDPOINT_DELAY_MS,
    lossPct: lossPct * AUDIBLE_LOSS,
    burstRatio: BURST_RATIO,
  });
  const hops = HOP_MALUS * Math.max(0, path.via.length - 1);
  return r + (path.isDirect ? DIRECT_BONUS : 0) - (path.transport === 'tcp' ? TCP_MALUS : 0) - hops;
}
