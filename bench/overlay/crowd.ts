/**
 * All supernodes die and are started again while many softphones are attached, on loopback, with the real programs: how long
 * until everybody is back and can be found. Run with `node bench/overlay/crowd.ts [--softphones 500] [--supernodes 3]`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Network, openLoopbackStage } from '@overcall/harness';
import { spread } from '../traversal/figures.ts';

const WORKERS = 4;
const FIRST_PORT = 41_700;
/** All must be attached, and later be back, within this time, ms. */
const PATIENCE_MS = 180_000;
const ASKED = 20;

const { values } = parseArgs({
  options: { softphones: { type: 'string', default: '500' }, supernodes: { type: 'string', default: '3' } },
});
const count = Number(values.softphones);
const places = Array.from({ length: Number(values.supernodes) }, (_, index) => `supernode-${index}`);

interface Report {
  attached?: number;
  backAt?: (number | null)[];
  lookup?: string;
  found?: number;
}

/** The workers, and what they said last. */
class Crowd {
  readonly #workers: ChildProcess[];
  readonly #last = new Map<ChildProcess, Report>();
  readonly #found = new Map<string, number>();

  constructor(folder: string, url: string) {
    const each = Math.ceil(count / WORKERS);
    const script = fileURLToPath(new URL('crowd-worker.ts', import.meta.url));
    this.#workers = Array.from({ length: WORKERS }, (_, index) => {
      const first = index * each;
      return fork(script, [folder, url, String(first), String(Math.min(each, count - first))]);
    });
    for (const worker of this.#workers)
      worker.on('message', (report: Report) => {
        if (report.lookup !== undefined) this.#found.set(report.lookup, report.found ?? 0);
        else this.#last.set(worker, report);
      });
  }

  get attached(): number {
    return [...this.#last.values()].reduce((sum, { attached = 0 }) => sum + attached, 0);
  }

  /** When each softphone was attached again, ms after `sinceMs`. */
  backAfter(sinceMs: number): number[] {
    const all = [...this.#last.values()].flatMap(({ backAt = [] }) => backAt);
    return all.map((at) => (at === null ? Number.POSITIVE_INFINITY : Math.max(0, at - sinceMs)));
  }

  /** How many of some users another softphone finds. */
  async found(names: readonly string[]): Promise<number> {
    for (const [index, lookup] of names.entries()) this.#workers[index % WORKERS]!.send({ lookup });
    for (let waited = 0; this.#found.size < names.length && waited < 100; waited++) await delay(100);
    return [...this.#found.values()].filter((found) => found > 0).length;
  }

  async stop(): Promise<void> {
    const ended = this.#workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    for (const worker of this.#workers) if (worker.connected) worker.send({ stop: true });
    await Promise.race([Promise.all(ended), delay(20_000)]);
    for (const worker of this.#workers) worker.kill('SIGKILL');
  }
}

async function waitFor(what: string, isTrue: () => boolean, describe: () => string): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  while (!isTrue()) {
    if (Date.now() > until) throw new Error(`${what}: not within ${PATIENCE_MS} ms (${describe()})`);
    process.stderr.write(`${what}: ${describe()}\n`);
    await delay(2000);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'overcall-bench-'));
const network = await Network.start(openLoopbackStage(), folder, {
  supernodes: [],
  directoryArgs: ['--rate-limit', '60000'],
});
const start = () =>
  Promise.all(places.map((place, index) => network.startSupernode(place, FIRST_PORT + index)));
let crowd: Crowd | undefined;
try {
  let supernodes = await start();
  crowd = new Crowd(folder, network.directoryUrl);
  const said = () => `${crowd!.attached} of ${count}`;
  await waitFor('attached', () => crowd!.attached === count, said);
  for (const supernode of supernodes) supernode.signal('SIGKILL');
  await Promise.all(supernodes.map(({ exited }) => exited));
  await waitFor('gone', () => crowd!.attached === 0, said);
  supernodes = await start();
  const startedAt = Date.now();
  await waitFor('back', () => crowd!.attached === count, said);
  const back = crowd.backAfter(startedAt);
  const names = Array.from({ length: ASKED }, (_, index) => `user${Math.floor((index * count) / ASKED)}`);
  const found = await crowd.found(names);
  process.stdout.write(`${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}

| ${count} softphones in ${WORKERS} processes, ${places.length} supernodes killed and started again | |
|---|---|
| attached again, from when all supernodes were up | ${spread(back)} |
| users that others find afterwards | ${found} of ${names.length} asked |
`);
} finally {
  await crowd?.stop();
  await network.close();
  rmSync(folder, { recursive: true, force: true });
}
