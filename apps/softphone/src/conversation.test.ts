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
function begin(isLive: boolean) {
  const decoder = new OpusDecoder();
  const peer = new OpusEncoder();
  const kept = { taken: 0, sent: [] as number[], played: [] as number[] };
  let nowMs = 0;
  conversation = new Conversation({
    source: {
      label: 'loud',
      isLive,
      next() {
        kept.taken++;
        return LOUD.slice();
      },
    },
    sink: { write: (frame) => kept.played.push(loudness(frame)), close: async () => {} },
    sendAudio: ({ opus }) => void kept.sent.push(loudness(decoder.decode(opus)!)),
    wantsReport: () => false,
    incomingQueueMs: () => 0,
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
    };
  };
  return { run };
}

test('who is muted sends silence at the same pace, and hears on', () => {
  const { run } = begin(true);
  expect(run(20)).toMatchObject({ isSent: true, isPlayed: true });
  conversation.setMuted(true);
  const muted = run(20);
  expect(muted).toMatchObject({ isSent: false, isPlayed: true, taken: 20 });
  conversation.setMuted(false);
  const after = run(20);
  expect(after).toMatchObject({ isSent: true, isPlayed: true });
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
  expect(run(20)).toMatchObject({ isSent: false, isPlayed: true, taken: 20 });
  conversation.setHeld('peer', false);
  expect(run(20)).toMatchObject({ isSent: true });
});
