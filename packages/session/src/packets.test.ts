import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../../net/src/node-crypto.ts';
import type { PacketKey } from './key-schedule.ts';
import { expandCounter, MAX_COUNTER, PacketOpener, PacketSealer } from './packets.ts';
import { REPLAY_WINDOW_PACKETS } from './replay-window.ts';

const KEY: PacketKey = {
  key: Uint8Array.from({ length: 16 }, (_, i) => i),
  iv: Uint8Array.from({ length: 12 }, (_, i) => 0xf0 + i),
};
const AAD = new Uint8Array([4]);
const NUMBER_OF_PACKETS = 300;

/** Seals any counter, as a sender does that has come this far. */
function sealAt(counter: number, plaintext: Uint8Array): Uint8Array {
  const nonce = KEY.iv.slice();
  const view = new DataView(nonce.buffer);
  view.setBigUint64(4, view.getBigUint64(4) ^ BigInt(counter));
  return crypto.aead(KEY.key).seal(nonce, plaintext, AAD);
}

const open = (opener: PacketOpener, counter: number, sealed: Uint8Array) => opener.open(counter, sealed, AAD);
const payload = (n: number) => new TextEncoder().encode(`packet ${n}`);

describe('PacketSealer', () => {
  it('counts from 0 and never repeats a nonce', () => {
    const sealer = new PacketSealer(crypto, KEY);
    const packets = Array.from({ length: 600 }, () => sealer.seal(new Uint8Array(4), AAD));
    expect(packets.map(({ counter }) => counter)).toEqual(packets.map((_, i) => i));
    expect(new Set(packets.map(({ sealed }) => String(sealed))).size).toBe(packets.length);
  });

  it('has the nonce that is documented: iv XOR 64-bit big-endian counter in the last 8 bytes', () => {
    const sealer = new PacketSealer(crypto, KEY);
    for (let counter = 0; counter < 300; counter++) {
      expect(sealer.seal(payload(counter), AAD).sealed).toEqual(sealAt(counter, payload(counter)));
    }
  });

  it('stops before its counters are used up', () => {
    // No sender lives that long: start near the end by making the counter that high.
    const near = new PacketSealer(crypto, KEY, MAX_COUNTER - 2);
    expect(near.seal(AAD, AAD).counter).toBe(MAX_COUNTER - 2);
    expect(near.seal(AAD, AAD).counter).toBe(MAX_COUNTER - 1);
    expect(() => near.seal(AAD, AAD)).toThrow(RangeError);
    expect(() => near.seal(AAD, AAD)).toThrow(RangeError);
  });
});

describe('PacketOpener', () => {
  it('opens every packet once, in whatever order and however often it comes', () => {
    const sealer = new PacketSealer(crypto, KEY);
    const packets = Array.from({ length: NUMBER_OF_PACKETS }, (_, n) => sealer.seal(payload(n), AAD));
    const arrivals = fc.array(fc.nat({ max: NUMBER_OF_PACKETS - 1 }), { maxLength: 600 });
    fc.assert(
      fc.property(arrivals, (order) => {
        const opener = new PacketOpener(crypto, KEY);
        const seen = new Set<number>();
        for (const n of order) {
          const opened = opener.openTruncated(n & 0xffff, packets[n]!.sealed, AAD);
          expect(opened).toEqual(seen.has(n) ? null : { counter: n, plaintext: payload(n) });
          seen.add(n);
        }
        expect(opener.stats).toEqual({
          opened: seen.size,
          replayed: order.length - seen.size,
          forged: 0,
          tooOld: 0,
        });
      }),
      { numRuns: 50 },
    );
  });

  it('is not moved by forged packets, whatever counter they claim', () => {
    const counter = fc.oneof(fc.nat({ max: 5000 }), fc.integer({ min: 0, max: MAX_COUNTER - 1 }));
    const forged = fc.tuple(counter, fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(fc.array(forged, { maxLength: 30 }), fc.nat({ max: 3000 }), (attack, start) => {
        const opener = new PacketOpener(crypto, KEY);
        open(opener, start, sealAt(start, payload(start)));
        for (const [claimed, bytes] of attack) {
          expect(opener.open(claimed, bytes, AAD)).toBeNull();
          expect(opener.openTruncated(claimed % 65_536, bytes, AAD)).toBeNull();
        }
        // Neither the window nor the guess of the next counter has moved.
        const next = sealAt(start + 1, payload(start + 1));
        expect(opener.openTruncated((start + 1) & 0xffff, next, AAD)?.counter).toBe(start + 1);
        expect(opener.stats.opened).toBe(2);
        expect(opener.stats.forged + opener.stats.replayed + opener.stats.tooOld).toBe(2 * attack.length);
      }),
    );
  });

  it('refuses a packet under another counter, associated data, key or direction', () => {
    const sealed = sealAt(5, payload(5));
    const opener = new PacketOpener(crypto, KEY);
    expect(open(opener, 6, sealed)).toBeNull();
    expect(opener.open(5, sealed, new Uint8Array([5]))).toBeNull();
    expect(new PacketOpener(crypto, { ...KEY, key: new Uint8Array(16) }).open(5, sealed, AAD)).toBeNull();
    expect(new PacketOpener(crypto, { ...KEY, iv: new Uint8Array(12) }).open(5, sealed, AAD)).toBeNull();
    expect(open(opener, 5, sealed)).toEqual(payload(5));
  });

  it.each([
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    MAX_COUNTER,
    2 ** 60,
  ])('counts the counter %d as forged', (counter) => {
    const opener = new PacketOpener(crypto, KEY);
    expect(open(opener, counter, sealAt(0, AAD))).toBeNull();
    expect(opener.stats).toEqual({ opened: 0, forged: 1, replayed: 0, tooOld: 0 });
  });

  it('refuses what is older than its window, even if it was never seen', () => {
    const opener = new PacketOpener(crypto, KEY);
    const highest = 10_000;
    open(opener, highest, sealAt(highest, AAD));
    const oldest = highest - REPLAY_WINDOW_PACKETS + 1;
    expect(open(opener, oldest - 1, sealAt(oldest - 1, AAD))).toBeNull();
    expect(opener.stats.tooOld).toBe(1);
    expect(open(opener, oldest, sealAt(oldest, AAD))).not.toBeNull();
    expect(open(opener, oldest, sealAt(oldest, AAD))).toBeNull();
    expect(opener.stats.replayed).toBe(1);
  });

  it('gives plaintext that does not change when the datagram is overwritten', () => {
    const sealed = sealAt(0, payload(0));
    const opened = open(new PacketOpener(crypto, KEY), 0, sealed)!;
    sealed.fill(0);
    expect(opened).toEqual(payload(0));
  });
});

describe('a packet that comes twice', () => {
  it('is known as a true copy, unless a bit of it differs, and changes nothing', () => {
    const opener = new PacketOpener(crypto, KEY);
    const sealed = sealAt(7, payload(7));
    expect(opener.isRepeat(7, sealed, AAD)).toBe(false);
    expect(opener.openTruncated(7, sealed, AAD)).not.toBeNull();
    const before = { ...opener.stats };
    expect(opener.isRepeat(7, sealed, AAD)).toBe(true);
    const altered = sealed.slice();
    altered[0]! ^= 1;
    expect(opener.isRepeat(7, altered, AAD)).toBe(false);
    expect(opener.isRepeat(8, sealAt(8, payload(8)), AAD)).toBe(false);
    expect(opener.stats).toEqual(before);
  });
});

describe('truncated counters', () => {
  it('are completed over gaps of up to 2^15 lost packets, at any height', () => {
    const highest = fc.oneof(fc.nat({ max: 200_000 }), fc.integer({ min: 0, max: MAX_COUNTER - 2 ** 17 }));
    fc.assert(
      fc.property(highest, fc.integer({ min: -(2 ** 15) + 2, max: 2 ** 15 + 1 }), (from, step) => {
        const counter = Math.max(0, from + step);
        expect(expandCounter(counter % 65_536, from)).toBe(counter);
      }),
      { numRuns: 2000 },
    );
  });

  it('agree with RFC 9000, A.3', () => {
    expect(expandCounter(0x9b32, 0xa82f30ea)).toBe(0xa82f9b32);
  });

  it('begin anywhere in the first 2^15 packets', () => {
    for (const first of [0, 1, 1000, 2 ** 15]) expect(expandCounter(first, -1)).toBe(first);
  });

  it('follow the sender through many wraps, with losses, reordering and replays', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 2 ** 15 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 100 }), (steps, back) => {
        const opener = new PacketOpener(crypto, KEY);
        let counter = 0;
        for (const step of [0, ...steps]) {
          counter += step;
          const sealed = sealAt(counter, AAD);
          expect(opener.openTruncated(counter & 0xffff, sealed, AAD)?.counter).toBe(counter);
          expect(opener.openTruncated(counter & 0xffff, sealed, AAD)).toBeNull();
          const late = counter - back;
          if (step > back) {
            expect(opener.openTruncated(late & 0xffff, sealAt(late, AAD), AAD)?.counter).toBe(late);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('wrap after 65,536 packets in a row', () => {
    const first = 65_000;
    const sealer = new PacketSealer(crypto, KEY, first);
    const opener = new PacketOpener(crypto, KEY);
    open(opener, first, sealer.seal(AAD, AAD).sealed);
    for (let n = first + 1; n < 66_000; n++) {
      const { counter, sealed } = sealer.seal(AAD, AAD);
      expect(opener.openTruncated(counter & 0xffff, sealed, AAD)?.counter).toBe(n);
    }
    expect(opener.stats).toEqual({ opened: 1000, forged: 0, replayed: 0, tooOld: 0 });
  });

  it('never leave the range of counters', () => {
    const low = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(
        low,
        fc.integer({ min: MAX_COUNTER - 70_000, max: MAX_COUNTER - 1 }),
        (counterLow, highest) => {
          const opener = new PacketOpener(crypto, KEY);
          open(opener, highest, sealAt(highest, AAD));
          expect(opener.openTruncated(counterLow, new Uint8Array(20), AAD)).toBeNull();
          expect(expandCounter(counterLow, highest)).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: 50 },
    );
  });
});
