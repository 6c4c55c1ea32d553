/**
 * What a call costs in a softphone, with either build of Opus, and what cleaning a microphone's sound costs besides. A caller with
 * the native build talks to a callee with the WebAssembly one, then the other way round, on loopback, so that both have the same
 * machine at the same time: `node bench/call/cpu.ts [SECONDS]`; put what it prints into CPU.md beside it.
 */
import { cpus, loadavg } from 'node:os';
import { FRAME_MS, FramePacer, OpusEncoder, samplesSource } from '@overcall/media';
import { VoiceChain } from '../../packages/media/src/devices/voice-chain.ts';
import { percentile } from '../percentile.ts';
import { usedSeconds } from '../used-seconds.ts';
import { type Build, MeasuredCalls, sleep } from './measured-call.ts';

const SECONDS = Number(process.argv[2] ?? 30);
/** CPU time is told in steps of 10 ms: windows so long, s, are right to 0.5% of a core. */
const WINDOW_S = 2;
const at = (values: number[], share: number) => percentile(values, share).toFixed(1);

const percent = new Map<string, number[]>();

async function measure(calls: MeasuredCalls, caller: Build, callee: Build): Promise<void> {
  const call = await calls.place(caller, callee);
  const sides = [call.caller.pid, call.callee.pid];
  for (let window = 0; window < SECONDS / WINDOW_S; window++) {
    const [fromMs, before] = [performance.now(), sides.map(usedSeconds)];
    await sleep(WINDOW_S);
    const seconds = (performance.now() - fromMs) / 1000;
    for (const [side, pid] of sides.entries()) {
      const row = `${side === 0 ? 'caller' : 'callee'}, Opus ${side === 0 ? caller : callee}`;
      const share = (100 * (usedSeconds(pid) - before[side]!)) / seconds;
      percent.set(row, [...(percent.get(row) ?? []), share]);
    }
  }
  await call.end();
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

const calls = await MeasuredCalls.open(SECONDS);
try {
  await measure(calls, 'native', 'WebAssembly');
  await measure(calls, 'WebAssembly', 'native');
  percent.set('waking up for each frame alone', await pacedOpusPercent(calls.samples, false));
  percent.set('waking up and encoding with Opus native alone', await pacedOpusPercent(calls.samples, true));
  percent.set('echo, noise and level of a microphone (worker)', await chainPercent(calls.samples));
} finally {
  await calls.close();
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
