import Type, { type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { EVENTS } from './events.ts';
import { Drop, Firewall, Host, Nat } from './nodes.ts';
import { LabSpec } from './schema.ts';

/** One mistake in a scenario. */
export interface Problem {
  /** Where, as a JSON pointer (RFC 6901); `/` is the scenario itself. */
  field: string;
  message: string;
}

const items: Record<string, TSchema> = { hosts: Host, nats: Nat, firewalls: Firewall, drop: Drop };

/**
 * Mistakes that the schema finds. Each item is checked by itself, and a choice between shapes (events, port
 * allocation) against the one that was meant: "does not match any of nine shapes" would help nobody.
 */
export function shapeProblems(input: unknown): Problem[] {
  const loosely = { ...LabSpec.properties, events: Type.Optional(Type.Array(Type.Unknown())) };
  for (const key of Object.keys(items))
    Object.assign(loosely, { [key]: Type.Optional(Type.Array(Type.Unknown())) });
  const top = Type.Object({ ...loosely, hosts: Type.Array(Type.Unknown()) }, { additionalProperties: false });
  const problems = mistakes(top, input, '');
  if (typeof input !== 'object' || input === null) return problems;
  for (const [key, list] of Object.entries(input)) {
    if (!Array.isArray(list)) continue;
    for (const [index, item] of list.entries()) {
      const where = `/${key}/${index}`;
      if (key === 'events') problems.push(...eventMistakes(item, where));
      else if (key === 'nats') problems.push(...natMistakes(item, where));
      else if (items[key]) problems.push(...mistakes(items[key], item, where));
      if (key === 'hosts') problems.push(...addressMissing(item, where));
    }
  }
  return problems;
}

/** Mistakes in one timed event. */
export function eventMistakes(event: unknown, where: string): Problem[] {
  const word = (event as { do?: unknown } | null)?.do;
  if (typeof word === 'string' && Object.hasOwn(EVENTS, word))
    return [
      ...mistakes(EVENTS[word as keyof typeof EVENTS], event, where),
      ...(word === 'roam' ? addressMissing(event, where) : []),
    ];
  const known = Object.keys(EVENTS).join(', ');
  if (word === undefined) return [{ field: where, message: `"do" is missing: one of ${known}` }];
  return [{ field: `${where}/do`, message: `must be one of ${known}` }];
}

function addressMissing(item: unknown, where: string): Problem[] {
  const has = (key: string) => Object.hasOwn(item ?? {}, key);
  if (typeof item !== 'object' || has('address') || has('address6')) return [];
  return [{ field: where, message: '"address" or "address6" missing' }];
}

function natMistakes(nat: unknown, where: string): Problem[] {
  const withoutPorts = Type.Object(
    { ...Nat.properties, ports: Type.Optional(Type.Unknown()) },
    { additionalProperties: false },
  );
  const problems = mistakes(withoutPorts, nat, where);
  const { ports } = (nat ?? {}) as { ports?: unknown };
  if (ports !== undefined && !Value.Check(Nat.properties.ports, ports))
    problems.push({
      field: `${where}/ports`,
      message:
        'must be "preserve", "random", "sequential", {"sequential": step of 1 to 32} or {"block": 8 to 1024}',
    });
  return problems;
}

function mistakes(schema: TSchema, input: unknown, where: string): Problem[] {
  const problems = new Map<string, Problem>(); // the first at each place is the plainest
  for (const { keyword, instancePath, params, message } of Value.Errors(schema, input)) {
    if (keyword === 'additionalProperties') continue; // said once more, at the field itself
    const field = where + instancePath || '/';
    if (!problems.has(field)) problems.set(field, { field, message: inWords(keyword, params, message) });
  }
  return [...problems.values()];
}

function inWords(keyword: string, params: object, message: string): string {
  if (keyword === 'boolean') return 'unknown field';
  if ('allowedValues' in params) return `must be one of ${(params.allowedValues as unknown[]).join(', ')}`;
  if ('requiredProperties' in params)
    return `${(params.requiredProperties as string[]).map((name) => `"${name}"`).join(' and ')} missing`;
  return message;
}
