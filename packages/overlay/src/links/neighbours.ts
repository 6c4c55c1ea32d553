/** Supernodes that were measured to be near. */
const NEAR_NEIGHBOURS = 8;
/** Supernodes that chance has picked: they make the graph connected. */
const RANDOM_NEIGHBOURS = 8;
export const NEIGHBOURS = NEAR_NEIGHBOURS + RANDOM_NEIGHBOURS;
/** A neighbour is given up for a nearer one when that is by so much nearer. */
const STICKINESS = 0.8;

export interface Candidates {
  /** All others of the list, in an order that chance made once for this process: nobody can choose keys to come first. */
  shuffled: readonly string[];
  isAlive(id: string): boolean;
  /** Round trips of those that were measured and answer. */
  near: Iterable<readonly [id: string, rttMs: number]>;
  current: ReadonlySet<string>;
}

/** To whom links are held. Where hardly anybody is alive, dead ones too: they are tried now and then. */
export function chooseNeighbours({ shuffled, isAlive, near, current }: Candidates): Set<string> {
  const chosen = new Set<string>();
  for (const id of shuffled) {
    if (chosen.size >= RANDOM_NEIGHBOURS) break;
    if (isAlive(id)) chosen.add(id);
  }
  for (const id of nearest(near, isAlive, current, chosen)) chosen.add(id);
  for (const fits of [isAlive, () => true])
    for (const id of shuffled) {
      if (chosen.size >= NEIGHBOURS) return chosen;
      if (fits(id)) chosen.add(id);
    }
  return chosen;
}

function nearest(
  near: Candidates['near'],
  isAlive: (id: string) => boolean,
  current: ReadonlySet<string>,
  taken: ReadonlySet<string>,
): string[] {
  const best: { id: string; rttMs: number }[] = [];
  for (const [id, rttMs] of near) {
    if (taken.has(id) || !isAlive(id)) continue;
    const weighted = current.has(id) ? rttMs * STICKINESS : rttMs;
    if (best.length === NEAR_NEIGHBOURS && weighted >= best.at(-1)!.rttMs) continue;
    const at = best.findIndex((other) => weighted < other.rttMs);
    best.splice(at < 0 ? best.length : at, 0, { id, rttMs: weighted });
    if (best.length > NEAR_NEIGHBOURS) best.pop();
  }
  return best.map(({ id }) => id);
}
