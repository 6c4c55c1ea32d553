import { FRAME_SAMPLES, OpusDecoder, OpusEncoder, type SendMode } from '@overcall/media';
import { speechSimilarity } from '@overcall/quality';
import { percentile } from '../percentile.ts';
import { FakeEncoder } from './fake-opus.test-support.ts';
import { FixedSide } from './fixed-side.ts';
import type { Scenario } from './scenarios.ts';
import { Pair, Side } from './voice-loop.ts';
import { Bottleneck, Way } from './way.ts';

/** Loss is measured first: what is lost until then is not counted, s. */
export const WARM_UP_S = 5;
/** Silence at the end, frames: until what was said last has been heard. Without it, delay would count as words that are missing. */
const TAIL_FRAMES = 40;
/** Each seed has another moment at which sound is played, ms after a frame is sent. */
const PHASES_MS = [7, 1, 13, 17, 4];

/** What came of one run. */
export interface Figures {
  lostPct: number;
  delayMs: number;
  payloadKbitPerS: number;
  distanceDb: number;
  similarity: number;
  longestGapMs: number;
  /** Longest wait in the queue of a shared link; null without one. */
  queueMs: number | null;
}

/**
 * Ours, from the first side of a {@link Pair} to the second.
 * @param fixed how both send; null for what rate control decides
 */
export function ours(
  scenario: Scenario,
  speech: readonly Int16Array[],
  seed: number,
  fixed: SendMode | null = null,
): Figures {
  const frames = withTail(speech);
  const { way, later, sharedKbitPerS } = scenario;
  const bottleneck = sharedKbitPerS === undefined ? null : new Bottleneck(sharedKbitPerS);
  // What the listener says matters only to what is decided.
  const encoders = [new OpusEncoder(), fixed === null ? new OpusEncoder() : new FakeEncoder()];
  const sides = encoders.map((encoder) => new Side(encoder, new OpusDecoder(), 2 * way.delayMs, fixed));
  const [speaker, listener] = sides as [Side, Side];
  const ways = [new Way(way, 2 * seed + 1, bottleneck), new Way(way, 2 * seed + 2, bottleneck)] as const;
  const pair = new Pair([speaker, listener], ways, PHASES_MS[seed % PHASES_MS.length]!);
  const heard: Int16Array[] = [];
  const delaysMs: number[] = [];
  let lostBefore = 0;
  frames.forEach((frame, i) => {
    if (later !== undefined && i === frames.length >> 1) for (const each of ways) each.become(later);
    if (i === WARM_UP_S * 50) lostBefore = listener.playout.stats.lostFrames;
    // The other side says the same, shifted: both directions carry as much.
    heard.push(pair.tick([frame, frames[(i + 100) % frames.length]!], 1000 + i * 20));
    if (i > WARM_UP_S * 50) delaysMs.push(listener.playout.stats.playoutDelayMs);
  });
  return {
    lostPct: (100 * (listener.playout.stats.lostFrames - lostBefore)) / (frames.length - WARM_UP_S * 50),
    delayMs: percentile(delaysMs, 0.95),
    payloadKbitPerS: (speaker.payloadBytes * 8) / (frames.length * 20),
    // What a way of sending is worth, not how a call begins with it.
    ...(fixed === null
      ? compared(frames, heard)
      : compared(frames.slice(WARM_UP_S * 50), heard.slice(WARM_UP_S * 50))),
    longestGapMs: listener.playout.stats.longestGapMs,
    queueMs: bottleneck === null ? null : Math.max(...bottleneck.queuesMs),
  };
}

export function baseline(scenario: Scenario, speech: readonly Int16Array[], seed: number): Figures {
  const frames = withTail(speech);
  const { way, later, sharedKbitPerS } = scenario;
  const bottleneck = sharedKbitPerS === undefined ? null : new Bottleneck(sharedKbitPerS);
  const there = new Way(way, 2 * seed + 1, bottleneck);
  const back = new Way(way, 2 * seed + 2, bottleneck);
  const [speaker, listener] = [new FixedSide(), new FixedSide()];
  const heard: Int16Array[] = [];
  const delaysMs: number[] = [];
  let concealedBefore = 0;
  frames.forEach((frame, i) => {
    const nowMs = 1000 + i * 20;
    const playMs = nowMs + PHASES_MS[seed % PHASES_MS.length]!;
    if (later !== undefined && i === frames.length >> 1) there.become(later);
    if (i === WARM_UP_S * 50) concealedBefore = listener.playout.stats.concealedFrames;
    speaker.say(frame, there, nowMs);
    if (bottleneck !== null) back.send(i, new Uint8Array(63), nowMs + 3);
    for (const { counter, bytes, atMs } of there.take(playMs)) listener.hear(counter, bytes, atMs);
    heard.push(listener.playout.tick(playMs));
    if (i > WARM_UP_S * 50) delaysMs.push(listener.playout.stats.playoutDelayMs);
  });
  const { concealedFrames, longestGapMs } = listener.playout.stats;
  return {
    lostPct: (100 * (concealedFrames - concealedBefore)) / (frames.length - WARM_UP_S * 50),
    delayMs: percentile(delaysMs, 0.95),
    payloadKbitPerS: (speaker.payloadBytes * 8) / (frames.length * 20),
    ...compared(frames, heard),
    longestGapMs,
    queueMs: bottleneck === null ? null : Math.max(...bottleneck.queuesMs),
  };
}

const withTail = (speech: readonly Int16Array[]): Int16Array[] => [
  ...speech,
  ...Array.from({ length: TAIL_FRAMES }, () => new Int16Array(FRAME_SAMPLES)),
];

function compared(said: readonly Int16Array[], heard: readonly Int16Array[]) {
  const { similarity, distanceDb } = speechSimilarity(concat(said), concat(heard));
  return { similarity, distanceDb };
}

function concat(parts: readonly Int16Array[]): Int16Array {
  const all = new Int16Array(parts.length * FRAME_SAMPLES);
  parts.forEach((part, i) => {
    all.set(part, i * FRAME_SAMPLES);
  });
  return all;
}
