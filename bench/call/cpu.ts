/**
 * What a call costs in a softphone, with either build of Opus, and what cleaning a microphone's sound costs besides. A caller with
 * the native build talks to a callee with the WebAssembly one, then the other way round, on loopback, so that both have the same
 * machine at the same time: `node bench/call/cpu.ts [SECONDS]`; put what it prints into CPU.md beside it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Network, openLoopbackStage, type Program } from '@overcall/harness';
import { FRAME_MS, FramePacer, OpusEncoder, readRecording, samplesSource, WavWriter } from '@overcall/media';
import { VoiceChain } from '../../packages/media/src/devices/voice-chain.ts';

const SECONDS = Number(process.argv[2] ?? 30);
const SPEECH = fileURLToPath(new URL('../../test/recordings/alice.wav', import.meta.url));
/** Until code is compiled that runs fifty times a second, s. */
const WARM_UP_S = 10;
/** CPU time is told in steps of 10 ms: windows so long, s, are right to 0.5% of a core. */
const WINDOW_S = 2;
const TICKS_PER_S = 100;
type Build = 'native' | 'WebAssembly';

/** User and system time of all threads so far, s (/proc/PID/stat, fields 14 and 15). */
function cpuSeconds({ pid }: Program): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const at = (values: number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)]!.toFixed(1);

const folder = mkdtempSync(join(tmpdir(), 'overcall-cpu-'));
const network = await Network.start(openLoopbackStage(), join(folder, 'network'));
const percent = new Map<string, number[]>();

/** `@overcall/media` takes the native build unless this is set. */
function started<T>(build: Build, start: () => T): T {
  if (build === 'WebAssembly') process.env.OPUS_FORCE_WASM = '1';
  try {
    return start();
  } finally {
    delete process.env.OPUS_FORCE_WASM;
  }
}

async function measure(caller: Build, callee: Build, speech: string): Promise<void> {
  const audio = ['--play', speech, '--record', 'null'];
  const bob = started(callee, () =>
    network.overcall('bob', 'bob', 'listen', '--auto-answer', '--once', ...audio),
  );
  await bob.waitFor('attached', { patienceMs: 60_000 });
  const alice = started(caller, () => network.overcall('alice', 'alice', 'call', 'bob', ...audio));
  await alice.waitFor('first-audio', { patienceMs: 60_000 });
  await sleep(WARM_UP_S);
  for (let window = 0; window < SECONDS / WINDOW_S; window++) {
    const [fromMs, before] = [performance.now(), [alice, bob].map(cpuSeconds)];
    await sleep(WINDOW_S);
    const seconds = (performance.now() - fromMs) / 1000;
    for (const [side, program] of [alice, bob].entries()) {
      const row = `${side === 0 ? 'caller' : 'callee'}, Opus ${side === 0 ? caller : callee}`;
      const share = (100 * (cpuSeconds(program) - before[side]!)) / seconds;
      percent.set(row, [...(percent.get(row) ?? []), share]);
    }
  }
  await alice.stop();
  await bob.exited;
}

/** CPU of 10 ms of a microphone's sound, percent of a core, with a loudspeaker that plays. */
async function chainPercent(samples: Int16Array): Promise<number[]> {
  const chain = await VoiceChain.load({ echoCancellation: true, noiseSuppression: true, gainControl: true });
  const shares: number[] = [];
  for (let run = 0; run < 5; run++) {
    const before = process.cpuUsage();
    for (let at = 0; at + 960 <= samples.length; at += 960) {
      chain.hear(samples.subarray(at, at + 960));
      chain.process(samples.subarray(at, at + 480));
      chain.process(samples.subarray(at + 480, at + 960));
    }
    const { user, system } = process.cpuUsage(before);
    shares.push((100 * (user + system)) / ((samples.length / 48) * 1000));
  }
  return shares;
}

/**
 * CPU of a process that only encodes, at the pace of a call: with 20 ms between two frames caches and clock are colder than
 * in a loop. What waking up costs by itself is measured without `doesEncode`.
 */
async function pacedOpusPercent(samples: Int16Array, doesEncode: boolean): Promise<number[]> {
  const source = samplesSource(samples, 'speech');
  const frames = [];
  for (let frame = source.next(); frame !== null; frame = source.next()) frames.push(frame.slice());
  const encoder = new OpusEncoder();
  const shares: number[] = [];
  for (let window = 0; window < SECONDS / WINDOW_S; window++) {
    const [startedMs, before] = [performance.now(), process.cpuUsage()];
    const pacer = new FramePacer(startedMs, FRAME_MS);
    for (let n = 0; n < (WINDOW_S * 1000) / FRAME_MS; ) {
      for (let due = pacer.due(performance.now()); due > 0; due--, n++)
        if (doesEncode) encoder.encode(frames[n % frames.length]!);
      await sleep(Math.max(0, Math.ceil(pacer.nextAt - performance.now())) / 1000);
    }
    const { user, system } = process.cpuUsage(before);
    shares.push((100 * (user + system)) / ((performance.now() - startedMs) * 1000));
  }
  return shares;
}

try {
  await Promise.all(['alice', 'bob'].map((user) => network.register(user, user)));
  const once = await readRecording(SPEECH);
  const speech = join(folder, 'speech.wav');
  const writer = new WavWriter(speech);
  for (let s = 0; s < WARM_UP_S + SECONDS + 10; s += once.length / 48_000) {
    const source = samplesSource(once, 'speech');
    for (let frame = source.next(); frame !== null; frame = source.next()) writer.write(frame);
  }
  await writer.close();
  await measure('native', 'WebAssembly', speech);
  await measure('WebAssembly', 'native', speech);
  percent.set('waking up for each frame alone', await pacedOpusPercent(once, false));
  percent.set('waking up and encoding with Opus native alone', await pacedOpusPercent(once, true));
  percent.set('echo, noise and level of a microphone (worker)', await chainPercent(once));
} finally {
  await network.close();
  rmSync(folder, { recursive: true, force: true });
}
const rows = [...percent].map(
  ([what, values]) => `| ${what} | ${at(values, 0.5)} % | ${at(values, 0.25)} to ${at(values, 0.75)} % |`,
);
process.stdout.write(
  [
    `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}`,
    '',
    '| CPU, of a core | median | quartiles |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n'),
);
