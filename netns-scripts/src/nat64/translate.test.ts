import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AddressMap } from './address-map.ts';
import { completeChecksum } from './checksum.ts';
import { toIpv4, toIpv6 } from './translate.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const HOST6 = '20010db8000a00000000000000000010';
const SERVER6 = '0064ff9b0000000000000000cb007114';
const ROUTER6 = '20010db8000a00000000000000000001';
const HIDDEN = 'c0a801f0';
const SERVER = 'cb007114';
const map = new AddressMap([{ address: '192.168.1.240', address6: '2001:db8:a::10' }]);

/** The sum that is 0 when a checksum is right, written another way than in the code that is tested. */
function rest(...parts: Buffer[]): number {
  let sum = 0n;
  for (const part of parts) {
    const even = part.length % 2 === 0 ? part : Buffer.concat([part, Buffer.alloc(1)]);
    for (let at = 0; at < even.length; at += 2) sum += BigInt(even.readUInt16BE(at));
  }
  return Number(sum % 0xffffn);
}
const word = (value: number) => hex(value.toString(16).padStart(8, '0'));

const CHECKSUM_AT: Record<number, number> = { 1: 2, 6: 16, 17: 6, 58: 2 };

/** Puts the right checksum into a transport header, or one that is wrong by so much. */
function withChecksum(protocol: number, payload: Buffer, addresses: Buffer, error = 0): Buffer {
  const bytes = Buffer.from(payload);
  const at = CHECKSUM_AT[protocol]!;
  bytes.writeUInt16BE(0, at);
  const pseudo = protocol === 1 ? [] : [addresses, word(bytes.length), word(protocol)];
  const sum = (0xffff - rest(...pseudo, bytes) + error) % 0xffff;
  bytes.writeUInt16BE(sum || 0xffff, at);
  return bytes;
}

function ipv6(protocol: number, payload: Buffer, { hops = 64, from = HOST6, to = SERVER6 } = {}): Buffer {
  const head = hex(`60000000 0000 00 00 ${from} ${to}`);
  head.writeUInt16BE(payload.length, 4);
  head[6] = protocol;
  head[7] = hops;
  return Buffer.concat([head, payload]);
}

function ipv4(
  protocol: number,
  payload: Buffer,
  { hops = 64, from = SERVER, to = HIDDEN, flags = 0x4000 } = {},
) {
  const head = hex(`4500 0000 1234 0000 00 00 0000 ${from} ${to}`);
  head.writeUInt16BE(20 + payload.length, 2);
  head.writeUInt16BE(flags, 6);
  head[8] = hops;
  head[9] = protocol;
  head.writeUInt16BE(0xffff - rest(head), 10);
  return Buffer.concat([head, payload]);
}

const is4Right = (packet: Buffer) => {
  const protocol = packet[9]!;
  const payload = packet.subarray(20);
  const pseudo = protocol === 1 ? [] : [packet.subarray(12, 20), word(payload.length), word(protocol)];
  return rest(packet.subarray(0, 20)) === 0 && rest(...pseudo, payload) === 0;
};
const is6Right = (packet: Buffer) =>
  rest(packet.subarray(8, 40), word(packet.length - 40), word(packet[6]!), packet.subarray(40)) === 0;

const only = (result: Buffer[] | string): Buffer => {
  expect(result).toHaveLength(1);
  return (result as Buffer[])[0]!;
};

/** Of protocols 17 (UDP), 6 (TCP) and 58 (an echo request). */
const transport = fc
  .tuple(fc.constantFrom(17, 6, 58), fc.uint8Array({ minLength: 20, maxLength: 1440 }))
  .map(([protocol, bytes]) => {
    const payload = Buffer.from(bytes);
    if (protocol === 58) payload.writeUInt16BE(0x8000, 0);
    if (protocol === 17) payload.writeUInt16BE(payload.length, 4);
    return { protocol, payload };
  });

test('what a host sends keeps its content, its checksum right, and comes back as it was', () => {
  fc.assert(
    fc.property(transport, fc.integer({ min: 2, max: 255 }), ({ protocol, payload }, hops) => {
      const sent = ipv6(protocol, withChecksum(protocol, payload, hex(HOST6 + SERVER6)), { hops });
      const four = only(toIpv4(sent, map, 7));
      expect(is4Right(four)).toBe(true);
      expect(four.subarray(12, 20)).toEqual(hex(HIDDEN + SERVER));
      expect(four.readUInt16BE(2)).toBe(sent.length - 20);
      expect(four[8]).toBe(hops - 1);
      expect(four.readUInt16BE(6)).toBe(four.length > 1260 ? 0x4000 : 0);
      // The same packet with its ends exchanged has the same checksum: an echo of everything.
      const echoed = ipv4(four[9]!, four.subarray(20), { hops: 9 });
      const six = only(toIpv6(echoed, map));
      expect(is6Right(six)).toBe(true);
      expect(six.subarray(8, 40)).toEqual(hex(SERVER6 + HOST6));
      expect(six[7]).toBe(8);
      expect(six.subarray(40)).toEqual(sent.subarray(40));
    }),
  );
});

test('a wrong checksum stays wrong', () => {
  fc.assert(
    fc.property(transport, fc.integer({ min: 1, max: 0xfffe }), ({ protocol, payload }, error) => {
      const six = ipv6(protocol, withChecksum(protocol, payload, hex(HOST6 + SERVER6), error));
      expect(is4Right(only(toIpv4(six, map, 7)))).toBe(false);
      const four = protocol === 58 ? 1 : protocol;
      if (four === 1) payload.writeUInt16BE(0x0800, 0);
      const packet = ipv4(four, withChecksum(four, payload, hex(SERVER + HIDDEN), error));
      expect(is6Right(only(toIpv6(packet, map)))).toBe(false);
    }),
  );
});

test('a UDP packet without a checksum gets one, as IPv6 demands', () => {
  const six = only(toIpv6(ipv4(17, hex('1388 0d96 000c 0000 61626364')), map));
  expect(six.readUInt16BE(46)).not.toBe(0);
  expect(is6Right(six)).toBe(true);
});

test.for<
  [what: string, type4: number, code4: number, type6: number, code6: number, word4: number, word6: number]
>([
  ['no route', 3, 1, 1, 0, 0, 0],
  ['forbidden', 3, 10, 1, 1, 0, 0],
  ['no such port', 3, 3, 1, 4, 0, 0],
  ['too big', 3, 4, 2, 0, 1380, 1400],
  ['no hops left', 11, 0, 3, 0, 0, 0],
  ['no such protocol', 3, 2, 4, 1, 0, 6],
])('an error (%s) is an error in the other family, about the translated packet', ([
  ,
  type4,
  code4,
  type6,
  code6,
  word4,
  word6,
]) => {
  const udp = hex('1388 0d96 000c 0000 61626364');
  // From a router, about what the host sent; the quoted packet is cut off after eight bytes.
  const about4 = ipv4(17, withChecksum(17, udp, hex(HIDDEN + SERVER)), { from: HIDDEN, to: SERVER });
  const error4 = Buffer.concat([Buffer.from([type4, code4, 0, 0]), word(word4), about4.subarray(0, 28)]);
  const six = only(toIpv6(ipv4(1, withChecksum(1, error4, Buffer.alloc(0)), { from: 'c6336401' }), map));
  expect(is6Right(six)).toBe(true);
  expect([six[40], six[41], six.readUInt32BE(44)]).toEqual([type6, code6, word6]);
  const about6 = ipv6(17, withChecksum(17, udp, hex(HOST6 + SERVER6)));
  expect(six.subarray(48)).toEqual(about6.subarray(0, 48));

  // From the host, about what came to it.
  const came6 = ipv6(17, withChecksum(17, udp, hex(SERVER6 + HOST6)), { from: SERVER6, to: HOST6 });
  const error6 = Buffer.concat([Buffer.from([type6, code6, 0, 0]), word(word6), came6]);
  for (const from of [HOST6, ROUTER6]) {
    const four = only(toIpv4(ipv6(58, withChecksum(58, error6, hex(from + SERVER6)), { from }), map, 7));
    expect(is4Right(four)).toBe(true);
    expect(four.subarray(12, 20)).toEqual(hex(HIDDEN + SERVER));
    expect(four[20]).toBe(type4);
    expect(four.readUInt32BE(24)).toBe(word4);
    expect(four.subarray(48)).toEqual(withChecksum(17, udp, hex(SERVER + HIDDEN)));
  }
});

test('the fragments of a packet stay fragments, in more pieces where they got too long', () => {
  const data = Buffer.from(
    fc.sample(fc.uint8Array({ minLength: 2000, maxLength: 2000 }), { numRuns: 1, seed: 1 })[0]!,
  );
  const udp = Buffer.concat([hex('1388 0d96'), word(2008 << 16), data]);
  const whole = withChecksum(17, udp, hex(SERVER + HIDDEN));
  const pieces = [
    ipv4(17, whole.subarray(0, 1456), { flags: 0x2000 }),
    ipv4(17, whole.subarray(1456), { flags: 1456 >> 3 }),
  ].flatMap((piece) => toIpv6(piece, map) as Buffer[]);
  expect(pieces.map((piece) => piece.length <= 1500)).toEqual([true, true, true]);
  const together = Buffer.concat(pieces.map((piece) => piece.subarray(48)));
  expect(pieces.map((piece) => [piece.readUInt16BE(42) & 0xfff8, piece[43]! & 1])).toEqual([
    [0, 1],
    [1448, 1],
    [1456, 0],
  ]);
  expect(is6Right(ipv6(17, together, { from: SERVER6, to: HOST6 }))).toBe(true);

  // And the other way.
  const sent = withChecksum(17, udp, hex(HOST6 + SERVER6));
  const fragment = (from: number, to: number, more: number) => {
    const head = Buffer.concat([hex('1100 0000'), word(0x00012345)]);
    head.writeUInt16BE(from | more, 2);
    return ipv6(44, Buffer.concat([head, sent.subarray(from, to)]));
  };
  const [first, second] = [fragment(0, 1440, 1), fragment(1440, 2008, 0)].map((one) =>
    only(toIpv4(one, map, 7)),
  );
  expect([first!.readUInt32BE(4), second!.readUInt32BE(4)]).toEqual([0x23452000, 0x23450000 | (1440 >> 3)]);
  const four = ipv4(17, Buffer.concat([first!.subarray(20), second!.subarray(20)]), {
    from: HIDDEN,
    to: SERVER,
  });
  expect(is4Right(four)).toBe(true);
});

test('what nobody can answer goes no further, with the reason', () => {
  const udp = withChecksum(17, hex('1388 0d96 000c 0000 61626364'), hex(HOST6 + SERVER6));
  const reasons = (...packets: Buffer[]) => packets.map((packet) => toIpv4(packet, map, 7));
  expect(reasons(ipv6(17, udp, { hops: 1 }))).toEqual(['no-hops-left']);
  expect(reasons(ipv6(17, udp, { from: ROUTER6 }), ipv6(17, udp, { to: ROUTER6 }))).toEqual([
    'unknown-address',
    'unknown-address',
  ]);
  expect(reasons(ipv6(17, udp, { from: SERVER6 }), ipv6(17, udp, { to: HOST6 }))).toEqual([
    'unknown-address',
    'unknown-address',
  ]);
  expect(reasons(ipv6(0, udp), ipv6(17, udp).subarray(0, 50))).toEqual(['malformed', 'malformed']);
  expect(reasons(ipv6(58, hex('8700 0000 00000000')))).toEqual(['untranslatable']);
  expect(toIpv6(ipv4(17, udp, { to: 'c0a80105' }), map)).toBe('unknown-address');
  expect(toIpv6(ipv4(17, udp, { hops: 1 }), map)).toBe('no-hops-left');
});

test('no bytes at all make it fall over', () => {
  const near = fc
    .tuple(fc.constantFrom(0x45, 0x46, 0x60), fc.uint8Array({ maxLength: 120 }), fc.boolean())
    .map(([first, rest, isFramed]) => {
      const bytes = Buffer.concat([Buffer.from([first]), rest]);
      if (!isFramed || bytes.length < 48) return bytes;
      if (first === 0x60) {
        bytes.writeUInt16BE(bytes.length - 40, 4);
        hex(HOST6 + SERVER6).copy(bytes, 8);
      } else {
        bytes.writeUInt16BE(bytes.length, 2);
        hex(SERVER + HIDDEN).copy(bytes, 12);
      }
      return bytes;
    });
  fc.assert(
    fc.property(near, (bytes) => {
      for (const result of [toIpv4(bytes, map, 1), toIpv6(bytes, map)])
        if (typeof result !== 'string') for (const packet of result) expect(packet.length).toBeLessThan(1500);
    }),
    { numRuns: 2000 },
  );
});

test('a checksum that was left to the network card is filled in', () => {
  const addresses = hex(HOST6 + SERVER6);
  const udp = hex('1388 0d96 000c 0000 61626364');
  const right = ipv6(17, withChecksum(17, udp, addresses));
  // The field holds the sum of the pseudo-header; the header says: sum from byte 40 on, put it 6 bytes further.
  const partial = Buffer.from(right);
  partial.writeUInt16BE(rest(addresses, word(12), word(17)), 46);
  const virtio = hex('01 00 0000 0000 2800 0600');
  expect(completeChecksum(virtio, partial)).toBe(true);
  expect(partial).toEqual(right);
  expect(completeChecksum(hex('00 00 0000 0000 0000 0000'), partial)).toBe(true);
  expect(partial).toEqual(right);
  expect(completeChecksum(hex('01 04 0000 a005 2800 0600'), partial)).toBe(false); // several segments in one
  expect(completeChecksum(hex('01 00 0000 0000 ffff 0600'), partial)).toBe(false);
});
