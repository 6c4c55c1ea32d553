import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** Longest control message that either side accepts, in UTF-16 units of JSON. */
export const MAX_CONTROL_CHARS = 65_536;

export type MessageOf<Table extends Record<string, TSchema>> = {
  [K in keyof Table]: Static<Table[K]>;
}[keyof Table];

/** Parses JSON and checks it against the schema that its `t` names; null for anything else. */
export function readMessage<Table extends Record<string, TSchema>>(
  table: Table,
  text: string,
): MessageOf<Table> | null {
  if (text.length > MAX_CONTROL_CHARS) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const t = (value as { t?: unknown }).t;
  if (typeof t !== 'string' || !Object.hasOwn(table, t)) return null;
  return Value.Check(table[t]!, value) ? (value as MessageOf<Table>) : null;
}
