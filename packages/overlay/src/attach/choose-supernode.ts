import { costBeside, type KnownSupernode } from './known-supernode.ts';

/** Supernodes this little worse than the best one are as good: ms, and of its round trip. */
const NEAR_MS = 15;
const NEAR_SHARE = 0.3;

/**
 * Which of `candidates` to attach to beside `others`. Those that answered the last round of measuring come first, then
 * those that once did, those that were not asked, and those that are silent. Among those that are about as near as the
 * best, two are drawn and the less loaded one is taken (Mitzenmacher 2001, "The Power of Two Choices"): a crowd that knows
 * the same figures spreads.
 *
 * @param freshAfterMs when the last round of measuring began
 */
export function chooseSupernode(
  candidates: readonly KnownSupernode[],
  others: readonly KnownSupernode[],
  freshAfterMs: number,
  random: () => number,
): KnownSupernode | null {
  if (candidates.length === 0) return null;
  const rankOf = ({ rttMs, measuredAtMs }: KnownSupernode) => {
    if (rttMs !== null) return measuredAtMs !== null && measuredAtMs >= freshAfterMs ? 0 : 1;
    return measuredAtMs === null ? 2 : 3;
  };
  const best = Math.min(...candidates.map(rankOf));
  const costs = candidates
    .filter((known) => rankOf(known) === best)
    .map((known) => ({ known, cost: costBeside(known, others) }));
  const least = Math.min(...costs.map(({ cost }) => cost));
  const near = costs.filter(({ cost }) => cost <= least * (1 + NEAR_SHARE) + NEAR_MS);
  const draw = () => near[Math.floor(random() * near.length)]!;
  const [first, second] = [draw(), draw()];
  const [firstLoad, secondLoad] = [first.known.load ?? 0, second.known.load ?? 0];
  if (firstLoad !== secondLoad) return firstLoad < secondLoad ? first.known : second.known;
  return first.cost <= second.cost ? first.known : second.known;
}
