import { Decoder } from '@evan/opus';
import { opusCarriesFec, opusPacketSamples } from '@overcall/wire';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { FRAME_SAMPLES, silentFrame } from './audio-format.ts';
import { OpusDecoder } from './opus-decoder.ts';
import { OpusEncoder } from './opus-encoder.ts';

import { packetsOf, rmsDifference, spoken } from './sound.test-support.ts';

let speech: Int16Array;
let packets: Uint8Array[];
let fecPackets: Uint8Array[];

beforeAll(async () => {
  speech = (await spoken('alice')).subarray(0, 48_000 * 4);
  packets = packetsOf(speech);
  fecPackets = packetsOf(speech, new OpusEncoder({ fecForLossPct: 20 }));
});

describe('encoder', () => {
  test('every packet has 60 bytes and 20 ms, speech or silence, with or without FEC', () => {
    const silence = packetsOf(new Int16Array(48_000));
    for (const packet of [...packets, ...fecPackets, ...silence]) {
      expect(packet.length).toBe(60);
      expect(opusPacketSamples(packet)).toBe(FRAME_SAMPLES);
    }
  });

  test('a packet stays what it is when the next one is encoded', () => {
    const encoder = new OpusEncoder();
    const first = encoder.encode(speech.slice(48_000, 48_960));
    const copy = first.slice();
    encoder.encode(speech.slice(48_960, 49_920));
    expect(first).toEqual(copy);
  });

  test('FEC and bitrate change during a call', () => {
    const encoder = new OpusEncoder();
    encoder.setFec(20);
    encoder.setBitrate(32_000);
    const changed = packetsOf(speech, encoder);
    expect(changed.every((packet) => packet.length === 80)).toBe(true);
    expect(changed.filter(opusCarriesFec).length).toBeGreaterThan(100);
    encoder.setFec(0);
    expect(packetsOf(speech, encoder).slice(2).some(opusCarriesFec)).toBe(false);
  });

  test('a frame of another size is a mistake of the caller', () => {
    expect(() => new OpusEncoder().encode(new Int16Array(480))).toThrow(RangeError);
  });
});

describe('decoder', () => {
  test('gives the same samples as the decoder of @evan/opus, but for rounding', () => {
    const ours = new OpusDecoder();
    const theirs = new Decoder({ channels: 1, sample_rate: 48_000 });
    for (const packet of packets) {
      const bytes = theirs.decode(packet);
      const expected = new Int16Array(bytes.slice().buffer);
      const decoded = ours.decode(packet)!;
      expect(decoded.length).toBe(FRAME_SAMPLES);
      expect(rmsDifference(decoded, expected)).toBeLessThan(3);
    }
  });

  test('conceals a lost frame with something like speech, and many with less and less', () => {
    const decoder = new OpusDecoder();
    const upTo = loudest(packets);
    for (const packet of packets.slice(0, upTo)) decoder.decode(packet);
    const rms = Array.from({ length: 50 }, () => rmsDifference(decoder.conceal(), silentFrame()));
    expect(rms[0]).toBeGreaterThan(200);
    expect(rms[49]).toBeLessThan(20);
  });

  test('recovers a lost frame from the next packet far better than it can be concealed', () => {
    let recovered = 0;
    let concealed = 0;
    let compared = 0;
    for (let lost = 20; lost < fecPackets.length - 1; lost += 10) {
      const next = fecPackets[lost + 1]!;
      if (!opusCarriesFec(next)) continue;
      const [whole, fec, plc] = [new OpusDecoder(), new OpusDecoder(), new OpusDecoder()];
      for (const packet of fecPackets.slice(0, lost)) {
        for (const decoder of [whole, fec, plc]) decoder.decode(packet);
      }
      const truth = whole.decode(fecPackets[lost]!)!;
      recovered += rmsDifference(fec.recover(next)!, truth);
      concealed += rmsDifference(plc.conceal(), truth);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(8);
    expect(recovered).toBeLessThan(concealed * 0.75);
  });

  test('a packet without FEC recovers nothing', () => {
    const decoder = new OpusDecoder();
    decoder.decode(packets[10]!);
    expect(packets.some(opusCarriesFec)).toBe(false);
    expect(decoder.recover(packets[12]!)).toBeNull();
  });

  test('packets that are not 20, 40 or 60 ms are refused and leave the state alone', () => {
    const [one, other] = [new OpusDecoder(), new OpusDecoder()];
    for (const packet of packets.slice(0, 100)) {
      one.decode(packet);
      other.decode(packet);
    }
    // Config 0 = SILK narrowband 10 ms; two frames of 60 ms; an empty packet; one longer than Opus allows.
    for (const bad of [
      Uint8Array.of(0, 1, 2),
      Uint8Array.of((3 << 3) | 1, 1, 2),
      new Uint8Array(),
      new Uint8Array(1501).fill(9 << 3),
    ]) {
      expect(one.decode(bad)).toBeNull();
      expect(one.recover(bad)).toBeNull();
    }
    expect(one.decode(packets[100]!)).toEqual(other.decode(packets[100]!));
  });

  test('whatever bytes come, nothing throws and speech goes on', () => {
    const decoder = new OpusDecoder();
    const garbage = fc.uint8Array({ maxLength: 200 });
    const looksRight = garbage.map((bytes) => Uint8Array.of(9 << 3, ...bytes));
    fc.assert(
      fc.property(fc.oneof(garbage, looksRight), fc.boolean(), (bytes, asFec) => {
        const samples = asFec ? decoder.recover(bytes) : decoder.decode(bytes);
        expect([null, 1, 2, 3]).toContain(samples && samples.length / FRAME_SAMPLES);
      }),
      { numRuns: 2000 },
    );
    // States differ for a while; half a second later it is the same voice at the same level.
    const fresh = new OpusDecoder();
    const level = (from: OpusDecoder) =>
      packets.map((packet) => rmsDifference(from.decode(packet)!, silentFrame())).slice(25);
    const [after, expected] = [level(decoder), level(fresh)].map((levels) =>
      levels.reduce((a, b) => a + b, 0),
    );
    expect(after! / expected!).toBeGreaterThan(0.7);
    expect(after! / expected!).toBeLessThan(1.4);
  });
});

function loudest(all: Uint8Array[]): number {
  const decoder = new OpusDecoder();
  const levels = all.map((packet) => rmsDifference(decoder.decode(packet)!, silentFrame()));
  return levels.indexOf(Math.max(...levels)) + 1;
}
