/**
 * Getting through, measured in the NAT lab with the real programs: every line of goals.md about it. Run with
 * `npm run bench -- traversal [--tries 30] [--only NAME,...]` (about forty minutes as root); a whole run is kept in RESULTS.md
 * beside it. `simulate.ts` plays random pairs of networks instead.
 */
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { checkLab } from '@overcall/nat-lab';
import { MEASURES, type Row } from './rows.ts';

const NAMES = Object.keys(MEASURES);
const USAGE = `usage: npm run bench -- traversal [--tries N] [--only ${NAMES.join(',')}]\n`;

function refuse(text: string): never {
  process.stderr.write(`${text}\n${USAGE}`);
  process.exit(2);
}

const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '30' },
    only: { type: 'string', default: NAMES.join(',') },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const tries = Number(values.tries);
if (!Number.isSafeInteger(tries) || tries < 1 || tries > 500)
  refuse(`--tries: "${values.tries}" is no number from 1 to 500`);
const chosen = values.only.split(',');
for (const name of chosen) if (!NAMES.includes(name)) refuse(`--only: "${name}" is none of them`);
const check = await checkLab();
if (!check.possible) {
  process.stderr.write(`this needs the NAT lab: ${check.reason}; ${check.remedy}\n`);
  process.exit(3);
}

const rows: Row[] = [];
for (const name of chosen) {
  const progress = (text: string) =>
    process.stderr.write(
      `${process.stderr.isTTY ? '\r\u001b[K' : ''}${name}: ${text}${process.stderr.isTTY ? '' : '\n'}`,
    );
  rows.push(...(await MEASURES[name]!({ tries, progress })));
}
if (process.stderr.isTTY) process.stderr.write('\n');

const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
const table = [
  `${new Date().toISOString().slice(0, 10)}, ${machine}; access links of 10 ms one way (40 ms round trip between clients)`,
  '',
  '| what | target | measured | tries | |',
  '|---|---|---|---|---|',
  ...rows.map(
    ({ what, target, measured, tries: n, isReached }) =>
      `| ${what} | ${target} | ${measured} | ${n} | ${isReached ? 'reached' : '**not reached**'} |`,
  ),
  '',
].join('\n');
process.stdout.write(table);
if (chosen.length === NAMES.length) {
  const head =
    '# Getting through, in the NAT lab\n\n`npm run bench -- traversal`; a call is `overcall call` to `overcall listen --auto-answer`, from contact to contact.\n\n';
  writeFileSync(new URL('RESULTS.md', import.meta.url), head + table);
}
