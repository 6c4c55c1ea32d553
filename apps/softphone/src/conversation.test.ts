import { createLogger } from '@overcall/cli';
import { OpusDecoder, OpusEncoder } from '@overcall/media';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Conversation } from './conversation.ts';

const LOUD = Int16Array.from({ length: 960 }, (_, i) => 10_000 * Math.sin((2 * Math.PI * i) / 96));
const FRAME_MS = 20;

let conversation: Conversation;
afterEach(async () => {
  await conversation.stop();
  vi.useRealTimers();
});
beforeEach(() => {
  vi.useFakeTimers();
});

const loudness = (frame: Int16Array) => frame.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

/** One end of a call: what it sends and plays is kept, what it hears is loud; what is played, a device or a recording, too. */
function begin(isLive: boolean, isLate = (_due: number) => false, wants = (due: number) => due) {
  const decoder = new OpusDecoder();
  const peer = new OpusEncoder();
  const kept = {
    taken: 0,
    sent: [] as number[],
    numbers: [] as number[],
    played: [] as number[],
    isUnheard: false,
  };
  let nowMs = 0;
  conversation = new Conversation({
    source: {
      label: 'loud',
      isLive,
      isLate,
      next() {
        kept.taken++;
        return LOUD.slice();
      },
      setMuted(on) {
        kept.isUnheard = on;
      },
    },
    sink: { wants, write: (frame) => kept.played.push(loudness(frame)), close: async () => {} },
    sendAudio: ({ opus, frameNumber }) => {
      kept.numbers.push(frameNumber);
      kept.sent.push(loudness(decoder.decode(opus)!));
    },
    wantsReport: () => false,
    takeIncoming: () => ({ queueMs: 0, firstGrowth: 0, isPeerNarrow: false, jitterMs: 0 }),
    earlyLossShare: () => 0,
    isHeard: () => true,
    onFirstAudio: () => {},
    onSourceEnded: () => {},
    now: () => nowMs,
    log: createLogger('test', 'silent'),
  });
  let number = 0;
  /** The last of so many frames: how loud what was sent and played is, and how many were taken from the source. */
  const run = (frames: number) => {
    const takenBefore = kept.taken;
    for (let i = 0; i < frames; i++) {
      conversation.receive({ frameLow: number++, opus: peer.encode(LOUD), copies: [] });
      nowMs += FRAME_MS;
      vi.advanceTimersByTime(FRAME_MS);
    }
    return {
      isSent: kept.sent.at(-1)! > 1000,
      isPlayed: kept.played.at(-1)! > 1000,
      taken: kept.taken - takenBefore,
      packets: kept.sent.length,
      isUnheard: kept.isUnheard,
    };
  };
  /** Nothing of ours runs for so long; then what is due next does. */
  const pass = (ms: number) => {
    nowMs += ms;
    vi.advanceTimersToNextTimer();
  };
  /** And after it what waits for a turn of the event loop. */
  const holdUp = (ms: number) => {
    pass(ms);
    pass(0);
  };
  return { run, holdUp, pass, kept };
}

test('frames of a microphone that were not read yet when they were due are sent when they are, with their numbers', () => {
  let isThere = true;
  const asked: number[] = [];
  const isLate = (due: number) => {
    asked.push(due);
    return !isThere;
  };
  const { run, holdUp, pass, kept } = begin(true, isLate, (due) => Math.min(due, 3));
  run(20);
  const before = { sent: kept.sent.length, played: kept.played.length };
  isThere = false;
  holdUp(200);
  expect(kept.played.length - before.played).toBe(3);
  expect(kept.sent.length).toBe(before.sent);
  expect(asked.at(-1)).toBe(10);
  isThere = true;
  pass(5);
  expect(kept.sent.length - before.sent).toBe(10);
  expect(kept.numbers).toEqual([...kept.numbers.keys()]);
});

test('a speaker that ran dry while the machine slept gets what should wait at it, and not one frame', () => {
  const { run, holdUp, kept } = begin(true, undefined, (due) => Math.min(due, 3));
  run(20);
  const before = kept.played.length;
  holdUp(1500);
  expect(kept.played.length - before).toBe(3);
});

test('a recording of what is heard has every frame, however late', () => {
  const { run, holdUp, kept } = begin(false);
  run(20);
  const before = kept.played.length;
  holdUp(200);
  expect(kept.played.length - before).toBe(10);
});

test('what is owed when a suspend skips frames is skipped with them', () => {
  let isThere = true;
  const { run, holdUp, kept } = begin(true, () => !isThere);
  run(20);
  isThere = false;
  holdUp(100);
  isThere = true;
  holdUp(2000);
  const [last, next] = kept.numbers.slice(-2) as [number, number];
  expect(next - last).toBe(1 + 5 + 99);
});

test('who is muted sends silence at the same pace, and hears on', () => {
  const { run } = begin(true);
  expect(run(20)).toMatchObject({ isSent: true, isPlayed: true });
  conversation.setMuted(true);
  const muted = run(20);
  expect(muted).toMatchObject({ isSent: false, isPlayed: true, taken: 20, isUnheard: true });
  conversation.setMuted(false);
  const after = run(20);
  expect(after).toMatchObject({ isSent: true, isPlayed: true, isUnheard: false });
  expect(after.packets - muted.packets).toBe(20);
});

test('who holds a call neither speaks nor hears; a recording waits', () => {
  const { run } = begin(false);
  run(20);
  conversation.setHeld('self', true);
  expect(run(20)).toMatchObject({ isSent: false, isPlayed: false, taken: 0 });
  conversation.setHeld('self', false);
  expect(run(20)).toMatchObject({ isSent: true, isPlayed: true, taken: 20 });
});

test('who is held sends silence until nobody holds any more; what a microphone hears meanwhile is gone', () => {
  const { run } = begin(true);
  run(20);
  conversation.setHeld('peer', true);
  conversation.setHeld('self', true);
  conversation.setHeld('self', false);
  expect(run(20)).toMatchObject({ isSent: false, isPlayed: true, taken: 20, isUnheard: true });
  conversation.setHeld('peer', false);
  expect(run(20)).toMatchObject({ isSent: true, isUnheard: false });
});
