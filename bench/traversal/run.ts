/**
 * Getting through, measured in the NAT lab with the real programs: every line of goals.md about it. Run with
 * `npm run bench -- traversal [--tries 30] [--only NAME,...]` (about forty minutes). What was measured with 30 tries or more is
 * kept in results.json and RESULTS.md beside it. `simulate.ts` plays random pairs of networks instead.
 */
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { checkLab } from '@overcall/nat-lab';
import { keep, TRIES_TO_KEEP, tableOf } from './kept-results.ts';
import { MEASURES } from './rows.ts';

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

const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
const date = new Date().toISOString().slice(0, 10);
const results: Parameters<typeof keep>[0] = {};
const end = process.stderr.isTTY ? '' : '\n';
for (const name of chosen) {
  const progress = (text: string) =>
    process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${name}: ${text}${end}`);
  results[name] = { date, machine, rows: await MEASURES[name]!({ tries, progress }) };
  if (tries >= TRIES_TO_KEEP) keep(results, NAMES);
}
if (process.stderr.isTTY) process.stderr.write('\n');
process.stdout.write(`${machine}\n\n${tableOf(Object.values(results))}`);
