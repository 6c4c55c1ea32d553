import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Network, Program } from '@overcall/harness';
import { readRecording } from '@overcall/media';
import { ALIKE_THRESHOLD, speechSimilarity } from '@overcall/quality';

const recording = (name: string) =>
  fileURLToPath(new URL(`../../../test/recordings/${name}.wav`, import.meta.url));
/** Silence after the longer recording before hanging up, s: what is on its way still arrives. */
const TAIL_S = 1;

/** One direction: what was said, what was heard, how alike. */
export interface Direction {
  said: string;
  heard: string;
  /** 0 to 1: aligned log-mel similarity. */
  similarity: number;
  alike: boolean;
}

export interface DemoResult {
  stage: 'lab' | 'loopback';
  /** Whether both directions were heard. */
  heard: boolean;
  setupMs: number;
  firstAudioMs: { alice: number | null; bob: number | null };
  path: { kind: string; transport: string; via: string[]; rttMs: number };
  lossPct: { alice: number; bob: number };
  longestGapMs: { alice: number; bob: number };
  mos: { alice: number | null; bob: number | null };
  safetyNumber: { alice: string; bob: string; equal: boolean };
  similarityThreshold: number;
  aliceToBob: Direction;
  bobToAlice: Direction;
}

/** Registers alice and bob, has them talk and compares what each heard with what the other said. */
export async function placeDemoCall(
  network: Network,
  recordings: string,
  say: (text: string) => void,
): Promise<DemoResult> {
  say('registering alice and bob ...');
  await Promise.all([network.register('alice', 'alice'), network.register('bob', 'bob')]);
  const heardByBob = join(recordings, 'bob-heard.wav');
  const heardByAlice = join(recordings, 'alice-heard.wav');
  const durationS = (await longestS()) + TAIL_S;
  const listenArgs = [
    'listen',
    '--auto-answer',
    '--once',
    '--play',
    recording('bob'),
    '--record',
    heardByBob,
  ];
  const bob = network.overcall('bob', 'bob', ...listenArgs);
  await bob.waitFor('attached');
  say(`alice calls bob; they talk for ${durationS.toFixed(1)} s ...`);
  const callArgs = ['call', 'bob', '--play', recording('alice'), '--record', heardByAlice];
  const alice = network.overcall('alice', 'alice', ...callArgs, '--duration', String(durationS));
  await alice.waitFor('answered');
  const patienceMs = durationS * 1000 + 20_000;
  await Promise.all([alice.waitFor('ended', { patienceMs }), bob.waitFor('ended', { patienceMs })]);
  await Promise.all([alice.exited, bob.exited]);
  say('comparing safety numbers and recordings ...');
  const safetyNumber = await compareSafetyNumbers(network);
  const aliceToBob = await compare(recording('alice'), heardByBob);
  const bobToAlice = await compare(recording('bob'), heardByAlice);
  const result = { ...figures(alice, bob), similarityThreshold: ALIKE_THRESHOLD };
  const heard = aliceToBob.alike && bobToAlice.alike;
  return { stage: network.stage.kind, heard, ...result, safetyNumber, aliceToBob, bobToAlice };
}

async function longestS(): Promise<number> {
  const lengths = await Promise.all(['alice', 'bob'].map((name) => readRecording(recording(name))));
  return Math.max(...lengths.map((samples) => samples.length)) / 48_000;
}

async function compareSafetyNumbers(network: Network): Promise<DemoResult['safetyNumber']> {
  const [alice, bob] = await Promise.all([
    network.result('alice', 'alice', 'verify', 'bob', '--show'),
    network.result('bob', 'bob', 'verify', 'alice', '--show'),
  ]);
  const numbers = { alice: String(alice.safetyNumber), bob: String(bob.safetyNumber) };
  return { ...numbers, equal: numbers.alice === numbers.bob };
}

async function compare(said: string, heard: string): Promise<Direction> {
  const { similarity } = speechSimilarity(await readRecording(said), await readRecording(heard));
  return { said, heard, similarity: Number(similarity.toFixed(3)), alike: similarity >= ALIKE_THRESHOLD };
}

interface Totals {
  receivedPackets: number;
  lostPackets: number;
  longestGapMs: number;
  firstAudioMs: number | null;
  mos: number | null;
}

function figures(alice: Program, bob: Program) {
  const totals = { alice: totalsOf(alice), bob: totalsOf(bob) };
  const path = alice.events.findLast(({ event }) => event === 'path');
  if (path === undefined) throw new Error('the call had no path: nothing came from the other side');
  return {
    setupMs: Number(alice.find('answered')?.setupMs),
    firstAudioMs: { alice: totals.alice.firstAudioMs, bob: totals.bob.firstAudioMs },
    path: {
      kind: String(path.kind),
      transport: String(path.transport),
      via: path.via as string[],
      rttMs: Number(path.rttMs),
    },
    lossPct: { alice: lossPct(totals.alice), bob: lossPct(totals.bob) },
    longestGapMs: { alice: totals.alice.longestGapMs, bob: totals.bob.longestGapMs },
    mos: { alice: totals.alice.mos, bob: totals.bob.mos },
  };
}

function totalsOf(program: Program): Totals {
  return program.find('ended')!.totals as Totals;
}

function lossPct({ receivedPackets, lostPackets }: Totals): number {
  const sent = receivedPackets + lostPackets;
  return sent === 0 ? 100 : Number(((100 * lostPackets) / sent).toFixed(2));
}
