import type { DeskState } from './desk-state.ts';

/** Names shown while somebody types one. */
const MAX_SHOWN = 5;

/**
 * What Tab makes of the beginning of a name: as much as all names have in common that begin so, of contacts and of whoever
 * called lately.
 */
export function complete(
  typed: string,
  { contacts, calls }: Pick<DeskState, 'contacts' | 'calls'>,
): { text: string; names: string[] } {
  const known = new Set([...contacts.map(({ name }) => name), ...calls.map(({ peer }) => peer).reverse()]);
  const beginning = typed.trim().toLowerCase();
  const fitting = [...known].filter((name) => name.startsWith(beginning));
  const names = fitting.slice(0, MAX_SHOWN);
  if (beginning === '' || fitting.length === 0) return { text: typed, names };
  let common = fitting[0]!;
  for (const name of fitting) while (!name.startsWith(common)) common = common.slice(0, -1);
  return { text: common, names };
}
