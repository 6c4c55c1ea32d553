import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramEvent } from '@overcall/harness';
import { ROOT } from './documented-commands.ts';

const PAGE = readFileSync(join(ROOT, 'docs', 'events.md'), 'utf8');
const ALWAYS = ['event', 'at'];

const namesIn = (text: string): string[] => [...text.matchAll(/`([a-z][\w-]*)`/gi)].map(([, name]) => name!);

/** Without what stands in brackets: values, and what a field means. Links are words of the sentence. */
const plainPart = (cell: string): string =>
  cell.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/\([^()]*\)/g, '');

/** Fields by event, as the tables of docs/events.md have them; those that another page explains are left out. */
const fieldsByEvent = new Map<string, Set<string>>();
for (const [, names, rest] of PAGE.split('\n## Results')[0]!.matchAll(/^\| (`.+?) \| (.+) \|$/gm)) {
  if (/\bsee \[/.test(rest!)) continue;
  const fields = namesIn(plainPart(rest!.split(' | ').at(-1)!));
  for (const name of namesIn(names!))
    fieldsByEvent.set(name, new Set([...(fieldsByEvent.get(name) ?? []), ...fields]));
}
const totals = new Set(namesIn(plainPart(/^`totals` of `ended`: ([\s\S]+?)\n\n/m.exec(PAGE)![1]!)));

/** What programs printed and the page does not name, as `event.field`. */
export function undocumentedIn(events: readonly ProgramEvent[]): string[] {
  const unknown = events.flatMap((event) => {
    const documented = fieldsByEvent.get(event.event ?? '');
    const fields = Object.keys(event).filter((field) => !ALWAYS.includes(field));
    const ofTotals = Object.keys((event.totals ?? {}) as object).filter((field) => !totals.has(field));
    return [
      ...fields.filter((field) => documented?.has(field) === false).map((field) => `${event.event}.${field}`),
      ...ofTotals.map((field) => `${event.event}.totals.${field}`),
    ];
  });
  return [...new Set(unknown)];
}

/** What the page promises of these events and none of them had. */
export function missingIn(events: readonly ProgramEvent[], names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const printed = events.filter(({ event }) => event === name);
    const fields = [...(fieldsByEvent.get(name) ?? [])];
    const missing = fields.filter((field) => !printed.some((event) => field in event));
    return missing.map((field) => `${name}.${field}`);
  });
}
