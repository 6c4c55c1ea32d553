import { LabError } from '../errors.ts';
import type { LabEvent } from './events.ts';
import { eventMistakes } from './shape.ts';

/** @throws LabError `bad-event`, naming every field that is wrong */
export function checkEvent(event: unknown): LabEvent {
  const problems = eventMistakes({ at: 0, ...(event as object) }, '');
  if (problems.length > 0)
    throw new LabError('bad-event', problems.map(({ field, message }) => `${field}: ${message}`).join('; '));
  return event as LabEvent;
}

/**
 * An event as one types it: `rebind nat=home`, `block from=home to=any protocol=udp port=53`.
 * @throws LabError `bad-event`
 */
export function eventFromWords(words: readonly string[]): LabEvent {
  const [word, ...fields] = words;
  const event: Record<string, unknown> = { do: word };
  for (const field of fields) {
    const [, key, value] = /^([a-z][a-z0-9]*)=(.+)$/i.exec(field) ?? [];
    if (key === undefined || value === undefined)
      throw new LabError('bad-event', `"${field}" is not FIELD=VALUE`);
    // Numbers and objects are JSON; 100.64.0.20 and 2001:db8::20 are not.
    event[key] = /^(\d+$|\{)/.test(value) ? JSON.parse(value) : value;
  }
  return checkEvent(event);
}
