/**
 * What the voice chain leaves of an echo, and of who is near: `node bench/voice/echo.ts`, in virtual time, half a minute of one core; put what it
 * prints into ECHO.md beside it. The far side is alice's recording again and again, the near one bob's 30 words, the rooms are made up.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readRecording } from '@overcall/media';
import { type SpokenWord, WORD_HEARD_THRESHOLD, wordsHeard } from '@overcall/quality';
import { VoiceChain } from '../../packages/media/src/devices/voice-chain.ts';

const RATE = 48_000;
const BLOCK = 480;
/** A piece of sound in which echo is looked for: 100 ms. */
const PIECE = 4800;
const ONLY_ECHO = { echoCancellation: true, noiseSuppression: false, gainControl: false };
/** Hiss of a microphone: -68 dB of full scale. */
const HISS = 15;
const GAINS_DB = [0, -12, -20];
const recording = (name: string) => fileURLToPath(new URL(`../../test/recordings/${name}`, import.meta.url));
const alice = await readRecording(recording('alice.wav'));
const bob = await readRecording(recording('bob.wav'));
const words = JSON.parse(readFileSync(recording('bob.words.json'), 'utf8')) as SpokenWord[];
const print = (line: string) => process.stdout.write(`${line}\n`);
const decibels = (ratio: number) => 10 * Math.log10(ratio);

/** Seeded, -1 to 1. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** A loudspeaker in a room whose echoes fade in `fadeMs`, heard after `delayMs`. Seed 3, 40 and 20 ms are the room of `voice-chain.test.ts`. */
function roomEcho(far: Int16Array, seed = 3, delayMs = 40, fadeMs = 20): Float32Array {
  const random = randomSource(seed);
  const heard = new Float32Array(far.length);
  for (let tap = 0; tap < 1.2 * fadeMs; tap++) {
    const gain = random() * 0.35 * Math.exp((-tap * 61) / (48 * fadeMs));
    const at = delayMs * 48 + tap * 61;
    for (let i = at; i < far.length; i++) heard[i]! += gain * far[i - at]!;
  }
  return heard;
}

const talking = (samples: Int16Array, seconds: number, fromS = 0) =>
  Int16Array.from(
    { length: Math.round(seconds * RATE) },
    (_, i) => samples[(i + fromS * RATE) % samples.length]!,
  );

/** What the microphone hears: echo, who is near, hiss. */
function microphone(length: number, heardAt: (i: number) => number): Int16Array {
  const random = randomSource(9);
  return Int16Array.from({ length }, (_, i) =>
    Math.max(-32_768, Math.min(32_767, Math.round(heardAt(i) + HISS * random()))),
  );
}

async function throughChain(mic: Int16Array, far: Int16Array): Promise<Int16Array> {
  const chain = await VoiceChain.load(ONLY_ECHO);
  const out = new Int16Array(mic.length);
  for (let at = 0; at + BLOCK <= mic.length; at += BLOCK) {
    chain.hear(far.subarray(at, at + BLOCK));
    out.set(chain.process(mic.subarray(at, at + BLOCK)), at);
  }
  chain.close();
  return out;
}

function energy(samples: Int16Array, from: number, to: number): number {
  let sum = 1;
  for (let i = from; i < to; i++) sum += samples[i]! ** 2;
  return sum;
}

const countHeard = (out: Int16Array, fromS: number) =>
  wordsHeard(bob, out.subarray(fromS * RATE), words).filter(({ clarity }) => clarity >= WORD_HEARD_THRESHOLD)
    .length;

async function singleTalk(): Promise<void> {
  for (const gainDb of GAINS_DB) {
    const far = talking(alice, 10);
    const echo = roomEcho(far);
    const mic = microphone(far.length, (i) => echo[i]! * 10 ** (gainDb / 20));
    const out = await throughChain(mic, far);
    const less = decibels(energy(mic, 2 * RATE, mic.length) / energy(out, 2 * RATE, out.length));
    print(`| echo of ${gainDb} dB alone | ${less.toFixed(1)} dB less |`);
  }
}

async function doubleTalk(): Promise<void> {
  for (const gainDb of [...GAINS_DB, Number.NEGATIVE_INFINITY])
    for (const leadS of [0, 3, 12]) {
      const far = talking(alice, leadS + bob.length / RATE + 1);
      const echo = roomEcho(far);
      const mic = microphone(
        far.length,
        (i) => echo[i]! * 10 ** (gainDb / 20) + (bob[i - leadS * RATE] ?? 0),
      );
      const heard = countHeard(await throughChain(mic, far), leadS);
      const where = gainDb < -99 ? 'headphones' : `echo of ${gainDb} dB`;
      print(
        `| ${where}, both, the far side ${leadS} s before | ${heard} of ${words.length} words (microphone ${countHeard(mic, leadS)}) |`,
      );
    }
}

/** Headphones for `atS` with talk on both sides, who is near being silent for the last 2.5 s, then a loudspeaker while the far side speaks on. Seconds in which echo is heard: less than 10 dB weaker. */
async function turned(atS: number, gainDb: number, room: readonly [number, number, number]): Promise<number> {
  const far = talking(alice, atS + 4);
  const echo = roomEcho(far, ...room);
  const turn = Math.round(atS * 100) * BLOCK;
  const mic = microphone(far.length, (i) => {
    if (i >= turn) return echo[i]! * 10 ** (gainDb / 20);
    return i > 3 * RATE && i < turn - 2.5 * RATE ? bob[(i - 3 * RATE) % bob.length]! : 0;
  });
  const out = await throughChain(mic, far);
  let pieces = 0;
  for (let at = turn; at + PIECE <= mic.length; at += PIECE) {
    const echoes = energy(mic, at, at + PIECE);
    if (echoes / PIECE > 1000 && decibels(echoes / energy(out, at, at + PIECE)) < 10) pieces++;
  }
  return (pieces * PIECE) / RATE;
}

async function turning(): Promise<void> {
  const turns = [7.3, 9.1, 10.5, 12, 14.4, 16.2];
  for (const [name, delayMs, fadeMs] of [
    ['room of 40 and 20 ms', 40, 20],
    ['of 200 and 60 ms', 200, 60],
  ] as const) {
    const times: number[] = [];
    for (const [seed, atS] of turns.entries())
      for (const gainDb of [0, -20]) times.push(await turned(atS, gainDb, [seed + 3, delayMs, fadeMs]));
    times.sort((a, b) => a - b);
    const [middle, last] = [times[Math.floor(times.length / 2)]!, times.at(-1)!];
    const within = times.filter((s) => s <= 1).length;
    print(
      `| from headphones to a loudspeaker, ${name}, echo heard | ${middle.toFixed(1)} s (median), at most ${last.toFixed(1)}; 1 s and less in ${within} of ${times.length} |`,
    );
  }
}

/** Headphones, both at once from the third second on, other words of the far side each time: how many of the 30 words are missed. */
async function headphones(): Promise<void> {
  let [missed, spoken] = [0, 0];
  for (let fromS = 0; fromS < 12; fromS += 2) {
    const far = talking(alice, 4 + bob.length / RATE, fromS);
    const mic = microphone(far.length, (i) => bob[i - 3 * RATE] ?? 0);
    missed += words.length - countHeard(await throughChain(mic, far), 3);
    spoken += words.length;
  }
  print(`| headphones, both, 6 beginnings | ${missed} of ${spoken} words missed |`);
}

print('| what | |');
print('|---|---|');
await turning();
await headphones();
await singleTalk();
await doubleTalk();
const before = process.cpuUsage();
const far = talking(alice, 30);
await throughChain(
  microphone(far.length, (i) => (i % (4 * RATE) > 2 * RATE ? bob[i % bob.length]! : 0)),
  far,
);
const { user, system } = process.cpuUsage(before);
print(
  `| CPU of the echo canceller, headphones, who is near speaks half of the time | ${((user + system) / 3e5).toFixed(1)} % of a core |`,
);
