/**
 * What somebody with a phone waits for, on loopback: until a softphone is attached, and until the others of one user stop
 * ringing. `node bench/phone/run.ts [TRIES]`; put what it prints into RESULTS.md beside it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage, type Program } from '@overcall/harness';
import { percentile } from '../percentile.ts';

const TRIES = Number(process.argv[2] ?? 30);
const SILENT = ['--play', 'null', '--record', 'null'];
const MS_PER_TICK = 10;

/** Processor time of a process so far, ms (/proc/PID/stat, fields 14 and 15). */
function cpuMs({ pid }: Program): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

const folder = mkdtempSync(join(tmpdir(), 'overcall-bench-'));
const network = await Network.start(openLoopbackStage(), folder);
const figures: Record<string, number[]> = {};
const note = (what: string, ms: number) => {
  figures[what] ??= [];
  figures[what].push(ms);
};
const listen = () => network.overcall('bob', 'bob', 'listen', ...SILENT);
try {
  await Promise.all(['alice', 'bob'].map((user) => network.register(user, user)));
  for (let i = 0; i < TRIES; i++) {
    const startedAt = Date.now();
    const phone = listen();
    note('start to attached', Number((await phone.waitFor('attached')).at) - startedAt);
    note('processor time until then', cpuMs(phone));
    await phone.stop();
    process.stderr.write(`\rstart ${i + 1} of ${TRIES}`);
  }
  for (let i = 0; i < TRIES; i++) {
    const [one, other] = [listen(), listen()];
    await Promise.all([one.waitFor('attached'), other.waitFor('attached')]);
    const caller = network.overcall('alice', 'alice', 'call', 'bob', ...SILENT, '--duration', '1');
    await Promise.all([one.waitFor('incoming'), other.waitFor('incoming')]);
    // A person takes longer than this to answer.
    await new Promise((resolve) => setTimeout(resolve, 500));
    one.type('a');
    const [answered, heard, stopped] = await Promise.all([
      one.waitFor('answered'),
      caller.waitFor('answered'),
      other.waitFor('ended'),
    ]);
    note('answer to the other softphone being still', Number(stopped.at) - Number(answered.at));
    note('answer to the caller knowing it', Number(heard.at) - Number(answered.at));
    await Promise.all([caller.exited, one.stop(), other.stop()]);
    process.stderr.write(`\rcall ${i + 1} of ${TRIES} `);
  }
} finally {
  process.stderr.write('\n');
  await network.close();
  rmSync(folder, { recursive: true, force: true });
}
const date = new Date().toISOString().slice(0, 10);
const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${platform()}, Node ${process.version}`;
const rows = Object.entries(figures).map(
  ([what, values]) =>
    `| ${what} | ${percentile(values, 0.5)} ms | ${percentile(values, 0.95)} ms | ${values.length} |`,
);
process.stdout.write(`${date}, ${machine}, loopback, load ${loadavg()[0]!.toFixed(1)} at the end\n\n`);
process.stdout.write(`| what | median | p95 | tries |\n|---|---|---|---|\n${rows.join('\n')}\n`);
