/** A cell by its row (caller) and column (callee), from 0. */
export interface Place {
  row: number;
  column: number;
}

/** All cells of a matrix in the order of a Latin square: cells next to each other share neither row nor column. */
export function latinOrder(size: number): Place[] {
  const rows = Array.from({ length: size }, (_, row) => row);
  return rows.flatMap((shift) => rows.map((row) => ({ row, column: (row + shift) % size })));
}

/**
 * Does `work` for each place, at most `jobs` at once and never two in the same row or column. The first error ends it:
 * nothing is begun any more, and what has begun is waited for.
 */
export async function inLatinOrder(
  size: number,
  jobs: number,
  work: (place: Place) => Promise<void>,
): Promise<void> {
  const waiting = latinOrder(size);
  const running = new Map<Place, Promise<void>>();
  const errors: unknown[] = [];
  const isFree = ({ row, column }: Place) =>
    ![...running.keys()].some((other) => other.row === row || other.column === column);
  while (waiting.length > 0 || running.size > 0) {
    const next = errors.length === 0 && running.size < jobs ? waiting.findIndex(isFree) : -1;
    if (next === -1) {
      if (running.size === 0) break;
      await Promise.race(running.values());
      continue;
    }
    const [place] = waiting.splice(next, 1) as [Place];
    const done = work(place)
      .catch((error: unknown) => void errors.push(error))
      .finally(() => running.delete(place));
    running.set(place, done);
  }
  if (errors.length > 0) throw errors[0];
}
