import { MediaKind, writeMediaPayload } from '@overcall/wire';
import { expect, test } from 'vitest';
import { NARROWING, payloadBytesOf, protectionFor, type SendMode } from './send-mode.ts';
import { type OutgoingAudio, VoiceSender } from './voice-sender.ts';

const FRAME = new Int16Array(960);
const NO_REPORT = { lossShare: 0, meanBurst: 0, queueMs: 0, kbitPerS: 0 };

/** Packets of the size asked for, numbered by the first sample. */
class CountingEncoder {
  bitrateBps = 0;
  fecPct = 0;
  encode(frame: Int16Array): Uint8Array {
    return new Uint8Array(Math.floor((this.bitrateBps * frame.length) / 48_000 / 8)).fill(frame[0]!);
  }
  setBitrate(bitrateBps: number): void {
    this.bitrateBps = bitrateBps;
  }
  setFec(fecPct: number): void {
    this.fecPct = fecPct;
  }
}

function run(modes: (i: number) => SendMode, count: number): OutgoingAudio[] {
  const sender = new VoiceSender(new CountingEncoder());
  return Array.from({ length: count }, (_, i) =>
    sender.push(FRAME.slice().fill(i), i, modes(i), i % 5 === 0),
  ).flatMap((packet) => packet ?? []);
}

const sizeOf = ({ frameNumber, opus, copies, hasReport, payloadBytes }: OutgoingAudio) =>
  writeMediaPayload(
    { kind: MediaKind.Audio, frameLow: frameNumber, opus, copies, report: hasReport ? NO_REPORT : null },
    payloadBytes,
  ).length;

test.each([
  ...NARROWING,
  protectionFor(0.03, 1),
  protectionFor(0.2, 1),
  protectionFor(0.1, 5),
])('every packet of a mode has the same size, with a report or without: %o', (mode) => {
  const packets = run(() => mode, 60);
  expect(packets).toHaveLength(60 / mode.frames);
  expect(new Set(packets.map(sizeOf))).toEqual(new Set([payloadBytesOf(mode)]));
  expect(packets.some(({ hasReport }) => hasReport)).toBe(true);
});

test('copies are the packets that the mode names, as they were sent', () => {
  const packets = run(() => protectionFor(0.1, 5), 40);
  const { frameNumber, copies } = packets[30]!;
  expect(copies.map(({ distance, opus }) => [distance, opus[0]])).toEqual([
    [4, frameNumber - 4],
    [8, frameNumber - 8],
  ]);
});

test('when the mode changes, what does not fit is left out, and sizes are those of the new mode', () => {
  const modes = [NARROWING[0]!, protectionFor(0.2, 1), NARROWING[3]!, protectionFor(0.1, 5)];
  const packets = run((i) => modes[Math.floor(i / 21) % 4]!, 210);
  const allowed = new Set(modes.map(payloadBytesOf));
  for (const packet of packets) expect(allowed).toContain(sizeOf(packet));
  expect(packets.map(({ frameNumber }) => frameNumber)).toEqual(
    [...packets.map(({ frameNumber }) => frameNumber)].sort((a, b) => a - b),
  );
});

test('a pause of the machine begins a new packet', () => {
  const sender = new VoiceSender(new CountingEncoder());
  const mode = NARROWING[3]!;
  expect(sender.push(FRAME, 0, mode, false)).toBeNull();
  for (const number of [100, 101]) expect(sender.push(FRAME, number, mode, false)).toBeNull();
  expect(sender.push(FRAME, 102, mode, false)).toMatchObject({ frameNumber: 100 });
});
