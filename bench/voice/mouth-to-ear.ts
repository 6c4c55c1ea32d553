/**
 * Mouth to ear: a chirp a second, spoken by alice and found in what bob records, over a path of so many ms in the lab. Both read
 * the clock of one machine. `node bench/voice/mouth-to-ear.ts [--seconds 30] [--path-ms 50] [--jitter-ms 0]`; put what it prints
 * into MOUTH-TO-EAR.md beside it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Network, type Program } from '@overcall/harness';
import { chirpDelays, FRAME_SAMPLES, makeChirps, readRecording, WavWriter } from '@overcall/media';
import { loadScenario, openLabStage, withLinks } from '@overcall/nat-lab';
import { percentile } from '../percentile.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    'path-ms': { type: 'string', default: '50' },
    'jitter-ms': { type: 'string', default: '0' },
  },
});
const [seconds, pathMs, jitterMs] = [values.seconds, values['path-ms'], values['jitter-ms']].map(Number) as [
  number,
  number,
  number,
];
/** In the first seconds the jitter buffer assumes jitter, and programs compile. */
const WARM_UP_S = 5;

const folder = mkdtempSync(join(tmpdir(), 'overcall-mouth-to-ear-'));
const link = { delayMs: pathMs / 2, ...(jitterMs > 0 && { jitterMs: jitterMs / 2 }) };
const network = await Network.start(
  await openLabStage(withLinks(loadScenario('pair:eim-apdf,eim-apdf'), link)),
  join(folder, 'network'),
);
try {
  const spoken = join(folder, 'spoken.wav');
  const writer = new WavWriter(spoken);
  const chirps = makeChirps(seconds);
  for (let at = 0; at < chirps.length; at += FRAME_SAMPLES)
    writer.write(chirps.subarray(at, at + FRAME_SAMPLES));
  await writer.close();

  await Promise.all(['alice', 'bob'].map((user) => network.register(user, user)));
  const heard = join(folder, 'heard.wav');
  const listening = ['listen', '--auto-answer', '--once', '--play', 'tone:300', '--record', heard];
  const bob = network.overcall('bob', 'bob', ...listening);
  await bob.waitFor('attached');
  const calling = ['call', 'bob', '--play', spoken, '--record', 'null', '--hangup-at-end'];
  const alice = network.overcall('alice', 'alice', ...calling);
  await alice.waitFor('ended', { patienceMs: (seconds + 60) * 1000 });
  await Promise.all([alice.exited, bob.exited]);

  const clock = { spokenFromMs: clockOf(alice).spokenFrom, heardFromMs: clockOf(bob).heardFrom };
  const delays = chirpDelays(await readRecording(heard), seconds, clock).slice(WARM_UP_S);
  const found = delays.filter((delay) => delay !== null);
  const stats = bob.events.filter(({ event }) => event === 'stats').slice(WARM_UP_S);
  const mean = (key: string) => stats.reduce((sum, each) => sum + Number(each[key]), 0) / stats.length;
  const at = (share: number) => percentile(found, share).toFixed(1);
  const { kind } = alice.events.findLast(({ event }) => event === 'path')!;
  process.stdout.write(
    [
      `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}`,
      '',
      '| path, one way | jitter | chirps heard | median | p95 | longest | of it jitter buffer, mean |',
      '|---|---|---|---|---|---|---|',
      `| ${kind}, ${pathMs} ms | ${jitterMs} ms | ${found.length} of ${delays.length} | ${at(0.5)} ms | ${at(0.95)} ms | ${at(1)} ms | ${mean('playoutDelayMs').toFixed(0)} ms |`,
      '',
    ].join('\n'),
  );
} finally {
  await network.close();
  rmSync(folder, { recursive: true, force: true });
}

function clockOf(side: Program): { spokenFrom: number; heardFrom: number } {
  return side.find('sound-clock') as unknown as { spokenFrom: number; heardFrom: number };
}
