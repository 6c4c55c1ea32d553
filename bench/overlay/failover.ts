/**
 * Calls whose supernodes die, in the NAT lab with the real programs: three supernodes, two softphones behind NATs that let
 * nothing direct through. Run with `node bench/overlay/failover.ts [--tries 30] [--only kill,two-of-three,lossy]`; each call
 * takes about ten seconds.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Network, type Program } from '@overcall/harness';
import {
  type CallReport,
  type LabSpec,
  labStage,
  loadScenario,
  placeCall,
  startLab,
  startListener,
  withLinks,
} from '@overcall/nat-lab';
import { gapOf, spread } from '../traversal/figures.ts';

const SUPERNODES = ['supernode', 'supernode-b', 'supernode-c'];
/** Of each access link, one way, ms: 40 ms of round trip between clients and supernodes next to each other. */
const DELAY_MS = 10;
const CALL_S = 7;
/** From the answer to the blow: by then the spare is bound, ms. */
const BLOW_AFTER_MS = 3000;
/** For supernodes that are started again to be found by the softphones, ms. */
const REST_MS = 2500;
/** Shorter than it was to be by more than this, s: lost. */
const CUT_SHORT_S = 0.5;

interface Blow {
  what: string;
  target: string;
  limitMs: number;
  /** Supernodes that are killed when `inUse` carries the audio. */
  killed(inUse: string, attempt: number): string[];
}

const others = (inUse: string) => SUPERNODES.filter((name) => name !== inUse);
const BLOWS: Record<string, Blow> = {
  kill: {
    what: 'the supernode that carries the call: kill -9',
    target: 'p95 <= 200 ms, no call lost',
    limitMs: 200,
    killed: (inUse) => [inUse],
  },
  'two-of-three': {
    what: 'two of three supernodes together, the one in use among them',
    target: '<= 1 s, no call lost',
    limitMs: 1000,
    killed: (inUse, attempt) => [inUse, others(inUse)[attempt % 2]!],
  },
};

function relayOnly(): LabSpec {
  const { events: _, call: __, expect: ___, links: ____, ...spec } = loadScenario('supernode-killed');
  const named = new Set(spec.hosts.map(({ name }) => name));
  const missing = SUPERNODES.filter((name) => !named.has(name));
  const hosts = missing.map((name, index) => ({ name, address: `203.0.113.${40 + index}` }));
  return withLinks({ ...spec, hosts: [...spec.hosts, ...hosts] } as LabSpec, { delayMs: DELAY_MS });
}

/** The supernode through which the caller's audio goes. */
function inUseBy(caller: Program | undefined): string {
  const paths = caller?.events.filter(({ event }) => event === 'path') ?? [];
  return String((paths.at(-1)?.via as string[] | undefined)?.[0] ?? SUPERNODES[0]);
}

async function series(blow: Blow, tries: number, progress: (text: string) => void): Promise<CallReport[]> {
  const folder = mkdtempSync(join(tmpdir(), 'overcall-bench-'));
  const lab = await startLab(relayOnly());
  let network: Network | undefined;
  try {
    await lab.prove();
    network = await Network.start({ ...labStage(lab), close: async () => {} }, folder, {
      supernodes: SUPERNODES,
    });
    const running = new Map(network.programs.map((program) => [program.name, program]));
    await Promise.all([network.register('alice', 'alice'), network.register('bob', 'bob')]);
    const listener = await startListener(network, 'bob');
    const reports: CallReport[] = [];
    for (let attempt = 0; attempt < tries; attempt++) {
      const { report, killed } = await struckCall(network, listener, running, blow, attempt);
      reports.push(report);
      for (const name of killed) running.set(name, await network.startSupernode(name));
      progress(`${attempt + 1} of ${tries}, gap ${gapOf(report)} ms`);
      await delay(REST_MS);
    }
    return reports;
  } finally {
    await network?.stopPrograms();
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function struckCall(
  network: Network,
  listener: Program,
  running: ReadonlyMap<string, Program>,
  blow: Blow,
  attempt: number,
): Promise<{ report: CallReport; killed: string[] }> {
  let struck = Promise.resolve<string[]>([]);
  const strike = async () => {
    await delay(BLOW_AFTER_MS);
    const caller = network.programs.findLast(({ name }) => name === 'alice: overcall call');
    const killed = blow.killed(inUseBy(caller), attempt);
    for (const name of killed) running.get(name)!.signal('SIGKILL');
    return killed;
  };
  const onEvent = ({ event }: { event?: string }) => {
    if (event === 'answered') struck = strike();
  };
  const { report } = await placeCall(network, 'alice', 'bob', { listener, seconds: CALL_S, onEvent });
  return { report, killed: await struck };
}

const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '30' },
    only: { type: 'string', default: Object.keys(BLOWS).join(',') },
  },
});
const rows: string[] = [];
for (const name of values.only.split(',')) {
  const blow = BLOWS[name];
  if (blow === undefined)
    throw new Error(`--only: there is no ${name}, but ${Object.keys(BLOWS).join(', ')}`);
  const reports = await series(blow, Number(values.tries), (text) =>
    process.stderr.write(`${name}: ${text}\n`),
  );
  const gaps = reports.map(gapOf);
  const lost = reports.filter(({ durationS }) => (durationS ?? 0) < CALL_S - CUT_SHORT_S).length;
  rows.push(`| ${blow.what} | ${blow.target} | ${spread(gaps)}; ${lost} calls lost | ${reports.length} |`);
}
process.stdout.write(`${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}

| what happens in the middle of a relayed call | target | longest gap, both sides | calls |
|---|---|---|---|
${rows.join('\n')}
`);
