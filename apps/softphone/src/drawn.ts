import { randomInt } from 'node:crypto';

/** At most so many of these, by chance. */
export function drawn<T>(items: readonly T[], count: number): T[] {
  const left = [...items];
  const taken: T[] = [];
  while (taken.length < count && left.length > 0) taken.push(...left.splice(randomInt(left.length), 1));
  return taken;
}
