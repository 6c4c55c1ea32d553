import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage, type Program } from '@overcall/harness';
import { levelOf, readRecording, SAMPLE_RATE_HZ, writeRecording } from '@overcall/media';
import { ALIKE_THRESHOLD, speechSimilarity } from '@overcall/quality';
import { afterAll, beforeAll, expect, it } from 'vitest';

const RECORDING = join(import.meta.dirname, '..', 'recordings', 'alice.wav');
/** What is said: four seconds of the recording with a pause in them. */
const [PAUSE_FROM_S, PAUSE_UNTIL_S, END_S] = [2, 5, 7];
/** Less than this is sent in a pause, a fifth of what speech takes at the least: bit/s without IP and UDP. */
const NEXT_TO_NOTHING_BPS = 6000;

let folder: string;
let network: Network;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-pauses-'));
  network = await Network.start(openLoopbackStage(), folder);
  await Promise.all(['alice', 'bob'].map((user) => network.register(user, user)));
});
afterAll(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

it('a call with --dtx sends next to nothing in a pause: every word comes through, and the pause is noise and no gap', async () => {
  const [source, heard] = [join(folder, 'spoken.wav'), join(folder, 'heard.wav')];
  const spoken = await withPause();
  await writeRecording(source, spoken);
  const listening = ['listen', '--auto-answer', '--once', '--play', 'null', '--record', heard];
  const bob = network.overcall('bob', 'bob', ...listening);
  await bob.waitFor('attached');
  const calling = ['call', 'bob', '--dtx', '--play', source, '--record', 'null', '--hangup-at-end'];
  const alice = network.overcall('alice', 'alice', ...calling);
  expect(await Promise.all([alice.exited, bob.exited])).toEqual([0, 0]);

  expect(Math.min(...bitratesOf(alice))).toBeLessThan(NEXT_TO_NOTHING_BPS);
  expect(Math.min(...bitratesOf(bob))).toBeGreaterThan(NEXT_TO_NOTHING_BPS);
  const played = await readRecording(heard);
  // Each by itself: in the pause the delay of playing may become another, as nothing is heard of it there.
  const [before, after] = [
    [0, PAUSE_FROM_S],
    [PAUSE_UNTIL_S, END_S],
  ].map(([from, until]) =>
    speechSimilarity(spoken.subarray(samples(from!), samples(until!)), played.subarray(samples(from!))),
  );
  expect(before!.similarity).toBeGreaterThan(ALIKE_THRESHOLD);
  expect(after!.similarity).toBeGreaterThan(ALIKE_THRESHOLD);
  const at = (s: number) => samples(s + before!.offsetMs / 1000);
  const { rmsDb } = levelOf(played.subarray(at(PAUSE_FROM_S + 1), at(PAUSE_UNTIL_S - 0.5)));
  expect(rmsDb).toBeGreaterThan(-90);
  expect(rmsDb).toBeLessThan(-50);
  expect(bob.find('ended')).toMatchObject({ totals: { longestGapMs: expect.any(Number) } });
  const { longestGapMs } = bob.find('ended')!.totals as { longestGapMs: number };
  expect(longestGapMs).toBeLessThan(((PAUSE_UNTIL_S - PAUSE_FROM_S) * 1000) / 2);
});

const samples = (seconds: number): number => Math.round(seconds * SAMPLE_RATE_HZ);

/** Of each second. */
function bitratesOf(program: Program): number[] {
  return program.events.filter(({ event }) => event === 'stats').map(({ bitrate }) => Number(bitrate));
}

/** In a room that hisses all the time, at -69 dB of full scale. */
async function withPause(): Promise<Int16Array> {
  const recording = await readRecording(RECORDING);
  const [from, until] = [samples(PAUSE_FROM_S), samples(PAUSE_UNTIL_S)];
  let seed = 1;
  return Int16Array.from({ length: samples(END_S) }, (_, i) => {
    // Park and Miller's generator.
    seed = (seed * 48271) % 2147483647;
    const said = i < from ? recording[i]! : i < until ? 0 : recording[i - until + from]!;
    return said + (seed % 41) - 20;
  });
}
