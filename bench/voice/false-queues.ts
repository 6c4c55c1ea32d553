/**
 * How often a queue is seen on paths that have none, and what that costs; and how long the queue gets at the beginning of a call on links that are
 * too narrow for both sides: `node bench/voice/false-queues.ts [SECONDS] [--seeds N] [--only TEXT]`. In virtual time, without a codec. What goes over such paths is judged by `run.ts` (with Opus) and `words.ts` (in the lab).
 */
import { parseArgs } from 'node:util';
import { median } from '../percentile.ts';
import { FakeEncoder, fakeDecoder } from './fake-opus.test-support.ts';
import { Pair, Side } from './voice-loop.ts';
import { Bottleneck, Way, type WayKind } from './way.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '50' }, only: { type: 'string', default: '' } },
});
const seconds = Number(positionals[0] ?? 120);
const seeds = Number(flags.seeds);
/** Loss is measured first: nothing is counted until then, s. */
const WARM_UP_S = 5;
/** From such a queue on the sender becomes narrower, ms. */
const CONGESTED_MS = 24;
/** What was seen so soon after is the same one, ms. */
const SAME_WITHIN_MS = 1000;

const LAB: WayKind = { delayMs: 40, jitterMs: 120, lossPct: 20, inOrder: true };
const CASES: Record<string, WayKind> = {
  '20% loss, 60 ms of jitter either way, in order (the lab)': LAB,
  'the same without loss': { ...LAB, lossPct: 0 },
  '20% loss, 60 ms either way, overtaking': { ...LAB, inOrder: false },
  'up to 100 ms, in order': { delayMs: 40, jitterMs: 100, inOrder: true },
  'up to 60 ms, in order': { delayMs: 40, jitterMs: 60, inOrder: true },
  'up to 60 ms, in order, 10% loss': { delayMs: 40, jitterMs: 60, inOrder: true, lossPct: 10 },
  'up to 30 ms, in order': { delayMs: 40, jitterMs: 30, inOrder: true },
  'normal, 10 ms, in order': { delayMs: 60, normalMs: 10, inOrder: true },
  'normal, 20 ms, in order': { delayMs: 80, normalMs: 20, inOrder: true },
  'normal, 30 ms, in order': { delayMs: 100, normalMs: 30, inOrder: true },
  'normal, 20 ms, overtaking': { delayMs: 80, normalMs: 20 },
};

const FRAME = new Int16Array(960);

function play(kind: WayKind, seed: number) {
  const sides = [0, 1].map(() => new Side(new FakeEncoder(), fakeDecoder, 200)) as [Side, Side];
  const ways = [new Way(kind, 2 * seed + 1), new Way(kind, 2 * seed + 2)] as const;
  const pair = new Pair(sides, ways, 1 + ((seed * 7) % 19));
  let [queues, narrowFrames, lostBefore, lastQueueAtMs] = [0, 0, 0, Number.NEGATIVE_INFINITY];
  for (let frame = 0; frame < seconds * 50; frame++) {
    const nowMs = 1000 + frame * 20;
    pair.tick([FRAME, FRAME], nowMs);
    if (frame === WARM_UP_S * 50) lostBefore = sides[1].playout.stats.lostFrames;
    if (frame < WARM_UP_S * 50) continue;
    if (sides[1].monitor.queueMs(nowMs) >= CONGESTED_MS) {
      if (nowMs > lastQueueAtMs + SAME_WITHIN_MS) queues++;
      lastQueueAtMs = nowMs;
    }
    if (sides[0].mode.frames > 1) narrowFrames++;
  }
  const frames = (seconds - WARM_UP_S) * 50;
  const lost = sides[1].playout.stats.lostFrames - lostBefore;
  return { queues, narrowPct: (100 * narrowFrames) / frames, lostPct: (100 * lost) / frames };
}

process.stdout.write(
  '| path | queues seen an hour | narrower, % of the time | not recovered, % (worst) |\n| --- | --- | --- | --- |\n',
);
for (const [name, kind] of Object.entries(CASES)) {
  if (!name.includes(flags.only)) continue;
  const runs = Array.from({ length: seeds }, (_, seed) => play(kind, seed));
  const mean = (of: (run: (typeof runs)[number]) => number) =>
    runs.reduce((sum, run) => sum + of(run), 0) / seeds;
  const anHour = (mean(({ queues }) => queues) * 3600) / (seconds - WARM_UP_S);
  const worst = Math.max(...runs.map(({ lostPct }) => lostPct));
  process.stdout.write(
    `| ${name} | ${anHour.toFixed(1)} | ${mean(({ narrowPct }) => narrowPct).toFixed(1)} | ${mean(({ lostPct }) => lostPct).toFixed(2)} (${worst.toFixed(2)}) |\n`,
  );
}

/** A link that both directions share, kbit/s. */
const NARROW: Record<string, WayKind & { kbitPerS: number }> = {
  '64 kbit/s': { delayMs: 40, kbitPerS: 64 },
  '64 kbit/s, up to 30 ms of jitter': { delayMs: 40, jitterMs: 30, kbitPerS: 64 },
  '64 kbit/s, up to 60 ms of jitter': { delayMs: 40, jitterMs: 60, kbitPerS: 64 },
  '64 kbit/s, 60 ms either way, in order': { delayMs: 40, jitterMs: 120, inOrder: true, kbitPerS: 64 },
  '48 kbit/s': { delayMs: 40, kbitPerS: 48 },
  '48 kbit/s, up to 60 ms of jitter': { delayMs: 40, jitterMs: 60, kbitPerS: 48 },
  '80 kbit/s, up to 60 ms of jitter': { delayMs: 40, jitterMs: 60, kbitPerS: 80 },
  '48 kbit/s, 10% loss': { delayMs: 40, lossPct: 10, kbitPerS: 48 },
  '64 kbit/s, 20% loss': { delayMs: 40, lossPct: 20, kbitPerS: 64 },
  '64 kbit/s, 20% loss, up to 60 ms of jitter': { delayMs: 40, jitterMs: 60, lossPct: 20, kbitPerS: 64 },
};
const BEGINNING_S = 10;

/** The longest queue of the beginning, and for how long it was above 100 ms. */
function begin({ kbitPerS, ...kind }: WayKind & { kbitPerS: number }, seed: number) {
  const bottleneck = new Bottleneck(kbitPerS);
  const sides = [0, 1].map(() => new Side(new FakeEncoder(), fakeDecoder, 200)) as [Side, Side];
  const ways = [new Way(kind, 2 * seed + 1, bottleneck), new Way(kind, 2 * seed + 2, bottleneck)] as const;
  const pair = new Pair(sides, ways, 1 + ((seed * 7) % 19));
  let longMs = 0;
  for (let frame = 0; frame < BEGINNING_S * 50; frame++) {
    pair.tick([FRAME, FRAME], 1000 + frame * 20);
    if ((bottleneck.queuesMs.at(-1) ?? 0) > 100) longMs += 20;
  }
  return { queueMs: Math.max(...bottleneck.queuesMs), longMs };
}

process.stdout.write(
  '\n| link that both share, from the beginning of a call | longest queue, ms, median (worst) | longer than 100 ms for, ms |\n| --- | --- | --- |\n',
);
for (const [name, kind] of Object.entries(NARROW)) {
  if (!name.includes(flags.only)) continue;
  const runs = Array.from({ length: seeds }, (_, seed) => begin(kind, seed));
  const queues = runs.map(({ queueMs }) => queueMs);
  const long = median(runs.map(({ longMs }) => longMs));
  process.stdout.write(
    `| ${name} | ${median(queues).toFixed(0)} (${Math.max(...queues).toFixed(0)}) | ${long.toFixed(0)} |\n`,
  );
}
