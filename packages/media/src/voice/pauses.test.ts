import { PAUSE_EVERY_FRAMES } from '@overcall/wire';
import { expect, test } from 'vitest';
import { FRAME_SAMPLES } from '../audio-format.ts';
import { OpusDecoder } from '../opus-decoder.ts';
import { OpusEncoder } from '../opus-encoder.ts';
import { Playout } from './playout.ts';
import { NARROWING, protectionFor, type SendMode } from './send-mode.ts';
import { rmsOf, VoiceActivity } from './voice-activity.ts';
import { VoiceSender } from './voice-sender.ts';

const PLAIN = protectionFor(0, 0);
/** A room that hums, at -54 dB of full scale, and in it a voice of 200 Hz. */
const sound = (i: number, isSpeaking: boolean) =>
  Int16Array.from({ length: FRAME_SAMPLES }, (_, n) => {
    const t = i * FRAME_SAMPLES + n;
    const voice = isSpeaking ? 6000 * Math.sin((2 * Math.PI * 200 * t) / 48_000) : 0;
    return voice + 90 * Math.sin((2 * Math.PI * 150 * t) / 48_000);
  });

interface Options {
  mode?: SendMode;
  /** Whether packet `sent` is lost. */
  lost?: (sent: number) => boolean;
}

/** Two seconds of speech, five of none, two of speech. */
function converse({ mode = PLAIN, lost = () => false }: Options = {}) {
  const sender = new VoiceSender(new OpusEncoder(), { pauses: true });
  const playout = new Playout(new OpusDecoder());
  const sent: { atFrame: number; bytes: number }[] = [];
  const heard: Int16Array[] = [];
  for (let i = 0; i < 450; i++) {
    const packet = sender.push(sound(i, i < 100 || i >= 350), i, mode, i % 5 === 0);
    if (packet !== null) {
      if (!lost(sent.length)) playout.receive(packet.frameNumber, packet.opus, i * 20, packet.copies);
      sent.push({ atFrame: i, bytes: packet.opus.length });
    }
    heard.push(playout.tick(i * 20 + 7));
  }
  return { playout, sent, heard };
}

test('while nobody speaks hardly anything is sent, and that is neither loss nor a gap', () => {
  const { playout, sent, heard } = converse();
  const pause = sent.filter(({ atFrame }) => atFrame >= 125 && atFrame < 350);
  expect(pause.every(({ bytes }) => bytes === 0)).toBe(true);
  expect(pause.length).toBeLessThanOrEqual(225 / PAUSE_EVERY_FRAMES + 3);
  const { stats } = playout;
  expect(stats).toMatchObject({ lostFrames: 0, concealedFrames: 0, lateFrames: 0, longestGapMs: 0 });
  expect(stats.pauseFrames).toBeGreaterThan(200);
  expect(stats.playoutDelayMs).toBeLessThanOrEqual(40);
  // The room is heard, and the first words after the pause.
  const [room, speech] = [rmsOf(heard[250]!), rmsOf(heard[356]!)];
  expect(room).toBeGreaterThan(20);
  expect(room).toBeLessThan(160);
  expect(speech).toBeGreaterThan(2000);
});

test.each([
  ['packets of 60 ms', { mode: NARROWING[3]! }],
  ['copies', { mode: protectionFor(0.2, 1) }],
  ['copies that are apart', { mode: protectionFor(0.1, 5) }],
])('pauses go together with %s', (_, options) => {
  const { stats } = converse(options).playout;
  expect(stats).toMatchObject({ lostFrames: 0, concealedFrames: 0, longestGapMs: 0 });
  expect(stats.pauseFrames).toBeGreaterThan(180);
});

test('when packets of the pause are lost it is a pause all the same, after a moment', () => {
  const { sent } = converse();
  const first = sent.findIndex(({ bytes }) => bytes === 0);
  const { stats } = converse({
    lost: (i) => i >= first && (i < first + 2 || i % 3 === 0) && i < first + 40,
  }).playout;
  expect(stats.concealedFrames).toBeLessThanOrEqual(3);
});

test('a pause that nobody repeats is a gap: the path may be dead', () => {
  const { sent } = converse();
  const first = sent.findIndex(({ bytes }) => bytes === 0);
  const { stats } = converse({ lost: (i) => i > first + 3 && sent[i]!.bytes === 0 }).playout;
  expect(stats.longestGapMs).toBeGreaterThan(3000);
});

test('without pauses all packets have one size and one pace, whatever is said', () => {
  const sender = new VoiceSender(new OpusEncoder());
  const packets = Array.from({ length: 200 }, (_, i) => sender.push(sound(i, i < 60), i, PLAIN, false));
  expect(new Set(packets.map((packet) => packet?.opus.length))).toEqual(new Set([60]));
});

test('speech is told from the background, in a quiet room and a loud one, and steady noise is given up', () => {
  for (const gain of [0, 0.3, 1, 3]) {
    const activity = new VoiceActivity();
    const active = Array.from({ length: 800 }, (_, i) => {
      const isSpeaking = i >= 400 && i < 600;
      return activity.isActive(sound(i, isSpeaking).map((sample) => (isSpeaking ? sample : sample * gain)));
    });
    expect(active.slice(300, 400).some(Boolean)).toBe(false);
    expect(active.slice(400, 600).every(Boolean)).toBe(true);
    expect(active.slice(640).some(Boolean)).toBe(false);
  }
});
