import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Row } from './rows.ts';

/** Fewer tries say too little to be kept. */
export const TRIES_TO_KEEP = 30;

interface Kept {
  date: string;
  machine: string;
  rows: Row[];
}

const JSON_FILE = new URL('results.json', import.meta.url);
const TEXT_FILE = new URL('RESULTS.md', import.meta.url);
const HEAD = `# Getting through, in the NAT lab

\`npm run bench -- traversal\`; a call is \`overcall call\` to \`overcall listen --auto-answer\`, from contact to contact. Access links have
10 ms one way (40 ms round trip between clients). Each line is the last one measured with ${TRIES_TO_KEEP} tries or more.
How long it takes to hit a port that is given by chance is chance: how much of it, and how far p95 of ${TRIES_TO_KEEP} calls may lie from that of many, is in [SIMULATION.md](SIMULATION.md#guesses).

`;

export const tableOf = (kept: readonly Kept[]): string =>
  [
    '| what | target | measured | tries | | |',
    '|---|---|---|---|---|---|',
    ...kept.flatMap(({ date, rows }) => rows.map((row) => line(row, date))),
    '',
  ].join('\n');

const line = ({ what, target, measured, tries, isReached }: Row, date: string): string =>
  `| ${what} | ${target} | ${measured} | ${tries} | ${isReached ? 'reached' : '**not reached**'} | ${date} |`;

/** Puts the results of some measures beside those of the others, in the order of `names`. */
export function keep(results: Record<string, Kept>, names: readonly string[]): void {
  const before = existsSync(JSON_FILE)
    ? (JSON.parse(readFileSync(JSON_FILE, 'utf8')) as Record<string, Kept>)
    : {};
  const all: Record<string, Kept> = { ...before, ...results };
  const ordered = names.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]] as const]));
  writeFileSync(JSON_FILE, `${JSON.stringify(Object.fromEntries(ordered), null, 2)}\n`);
  const machines = [...new Set(ordered.map(([, { machine }]) => machine))];
  const kept = ordered.map(([, one]) => one);
  writeFileSync(TEXT_FILE, `${HEAD}${tableOf(kept)}\n${machines.join('\n')}\n`);
}
