/**
 * Times of set-up and what a call costs, in the lab where there is one. Run with
 * `node bench/call/run.ts [CALLS] [--delay-ms N]`, N being the delay of each softphone's access link, one way (so
 * that a round trip between the two takes four times that); put what it prints into RESULTS.md beside it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Network } from '@overcall/harness';
import { loadScenario, openBestStage, withLinks } from '@overcall/nat-lab';
import { percentile } from '../percentile.ts';
import { usedSeconds } from '../used-seconds.ts';

const { values, positionals } = parseArgs({
  options: { 'delay-ms': { type: 'string', default: '0' } },
  allowPositionals: true,
});
const CALLS = Number(positionals[0] ?? 30);
const DELAY_MS = Number(values['delay-ms']);
const CPU_CALL_S = 10;
const SPEECH = fileURLToPath(new URL('../../test/recordings/alice.wav', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'overcall-bench-'));
const scenario = loadScenario('natPair');
const { stage } = await openBestStage(DELAY_MS > 0 ? withLinks(scenario, { delayMs: DELAY_MS }) : scenario);
if (DELAY_MS > 0 && stage.kind === 'loopback') throw new Error('--delay-ms needs the NAT lab');
const network = await Network.start(stage, folder);
const lines: string[] = [];
const spread = (what: string, values: number[], unit: string) =>
  lines.push(
    `| ${what} | ${percentile(values, 0.5)} ${unit} | ${percentile(values, 0.95)} ${unit} | ${values.length} |`,
  );
try {
  await Promise.all([network.register('alice', 'alice'), network.register('bob', 'bob')]);
  const audio = ['--play', SPEECH, '--record', 'null'];
  const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', ...audio);
  await bob.waitFor('attached');
  const times = {
    attach: [] as number[],
    setup: [] as number[],
    caller: [] as number[],
    callee: [] as number[],
  };
  for (let i = 0; i < CALLS; i++) {
    const startedAt = Date.now();
    const alice = network.overcall('alice', 'alice', 'call', 'bob', ...audio, '--duration', '1');
    times.attach.push(Number((await alice.waitFor('attached')).at) - startedAt);
    times.setup.push(Number((await alice.waitFor('answered')).setupMs));
    times.caller.push(Number((await alice.waitFor('first-audio')).msSinceAnswer));
    const { callId } = alice.find('answered')!;
    const heard = await bob.waitFor('first-audio', { where: (event) => event.callId === callId });
    times.callee.push(Number(heard.msSinceAnswer));
    await alice.exited;
    process.stderr.write(`\rcall ${i + 1} of ${CALLS}`);
  }
  process.stderr.write('\n');
  spread('start of the process to attached', times.attach, 'ms');
  spread('call to answered (auto-answer)', times.setup, 'ms');
  spread('answer to first audio, caller', times.caller, 'ms');
  spread('answer to first audio, callee', times.callee, 'ms');

  const alice = network.overcall('alice', 'alice', 'call', 'bob', ...audio);
  await alice.waitFor('first-audio');
  const programs = { caller: alice, callee: bob, supernode: network.supernode };
  // The first second compiles; what is measured is the steady state.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const before = Object.values(programs).map(({ pid }) => usedSeconds(pid));
  await new Promise((resolve) => setTimeout(resolve, CPU_CALL_S * 1000));
  const costs = Object.entries(programs).map(([name, program], i) => {
    const percent = (100 * (usedSeconds(program.pid) - before[i]!)) / CPU_CALL_S;
    return `| CPU of one call, ${name} | ${percent.toFixed(1)} % of a core | | 1 |`;
  });
  lines.push(...costs);
  await alice.stop();
} finally {
  await network.close();
  rmSync(folder, { recursive: true, force: true });
}
const date = new Date().toISOString().slice(0, 10);
const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${platform()}, Node ${process.version}`;
process.stdout.write(`${date}, ${machine}, ${stage.description}, access links of ${DELAY_MS} ms\n\n`);
process.stdout.write(`| what | median | p95 | tries |\n|---|---|---|---|\n${lines.join('\n')}\n`);
