import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mappedAddressOf, writeStunAddress, writeXorStunAddress } from './stun-address.ts';
import {
  findAttribute,
  readStunMessage,
  STUN_MAGIC_COOKIE,
  StunAttribute,
  StunType,
  writeStunMessage,
} from './stun-message.ts';
import { stunResponder } from './stun-responder.ts';

const hex = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
const COOKIE = new Uint8Array([0x21, 0x12, 0xa4, 0x42]);
const SOURCE = { address: '192.0.2.1', port: 32853 };

/** RFC 5769, 2.1: request with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY, FINGERPRINT. */
const RFC5769_REQUEST = hex(`
  00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74 00240004
  6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56
  781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf`);
/** RFC 5769, 2.2: response with 192.0.2.1:32853. */
const RFC5769_IPV4 = hex(`
  0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008 0001a147
  e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96`);
/** RFC 5769, 2.3: response with [2001:db8:1234:5678:11:2233:4455:6677]:32853. */
const RFC5769_IPV6 = hex(`
  01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014 0002a147
  0113a9fa a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004
  c8fb0b4c`);

function transaction(random: Uint8Array, cookie: boolean): Uint8Array {
  const bytes = new Uint8Array(random);
  if (cookie) bytes.set(COOKIE);
  else bytes[0] = 0x55;
  return bytes;
}

function request(
  attributes: { type: number; value: Uint8Array }[],
  options: { cookie?: boolean; fingerprint?: boolean } = {},
) {
  const message = {
    type: StunType.BindingRequest,
    transaction: transaction(new Uint8Array(16).fill(7), options.cookie ?? true),
    attributes,
  };
  return writeStunMessage(message, { fingerprint: options.fingerprint ?? false });
}

const change = (flags: number) => ({
  type: StunAttribute.ChangeRequest,
  value: new Uint8Array([0, 0, 0, flags]),
});

describe('RFC 5769 test vectors', () => {
  it('decodes the sample IPv4 response', () => {
    expect(mappedAddressOf(readStunMessage(RFC5769_IPV4)!)).toEqual(SOURCE);
  });

  it('decodes the sample IPv6 response', () => {
    expect(mappedAddressOf(readStunMessage(RFC5769_IPV6)!)).toEqual({
      address: '2001:db8:1234:5678:11:2233:4455:6677',
      port: 32853,
    });
  });

  it('encodes the XOR address of the sample responses', () => {
    const id = RFC5769_IPV4.subarray(4, 20);
    expect(writeXorStunAddress(SOURCE, id)).toEqual(hex('0001a147e112a643'));
    const ipv6 = { address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32853 };
    expect(writeXorStunAddress(ipv6, id)).toEqual(hex('0002a1470113a9faa5d3f179bc25f4b5bed2b9d9'));
  });

  it('answers the sample request with FINGERPRINT', () => {
    const answer = readStunMessage(stunResponder(RFC5769_REQUEST, SOURCE)!)!;
    expect(answer.type).toBe(StunType.BindingSuccess);
    expect(answer.transaction).toEqual(RFC5769_REQUEST.subarray(4, 20));
    expect(mappedAddressOf(answer)).toEqual(SOURCE);
    expect(findAttribute(answer, StunAttribute.Fingerprint)).not.toBeNull();
    expect(findAttribute(answer, StunAttribute.Software)).toBeNull();
  });

  it('takes a changed byte for no STUN, by FINGERPRINT', () => {
    for (let i = 4; i < RFC5769_REQUEST.length - 8; i++) {
      const broken = new Uint8Array(RFC5769_REQUEST);
      broken[i]! ^= 1;
      expect(stunResponder(broken, SOURCE)).toBeNull();
    }
  });
});

describe('stunResponder', () => {
  it('answers a bare request in 32 bytes', () => {
    expect(Buffer.from(stunResponder(request([]), SOURCE)!).toString('hex')).toBe(
      `0101000c2112a442${'07'.repeat(12)}002000080001a147e112a643`,
    );
  });

  it('refuses unknown comprehension-required attributes with 420 and their list', () => {
    const unknown = [0x7001, 0x7002].map((type) => ({ type, value: new Uint8Array(0) }));
    const answer = readStunMessage(stunResponder(request(unknown), SOURCE)!)!;
    expect(answer.type).toBe(StunType.BindingError);
    expect(findAttribute(answer, StunAttribute.ErrorCode)!.subarray(0, 4)).toEqual(
      new Uint8Array([0, 0, 4, 20]),
    );
    expect(findAttribute(answer, StunAttribute.UnknownAttributes)).toEqual(hex('70017002'));
  });

  it('ignores unknown comprehension-optional attributes', () => {
    const datagram = request([{ type: 0xc001, value: new Uint8Array(5) }]);
    expect(readStunMessage(stunResponder(datagram, SOURCE)!)!.type).toBe(StunType.BindingSuccess);
  });

  it('gives an RFC 3489 client its MAPPED-ADDRESS', () => {
    const answer = readStunMessage(stunResponder(request([change(0)], { cookie: false }), SOURCE)!)!;
    expect(answer.attributes).toEqual([
      { type: StunAttribute.MappedAddress, value: writeStunAddress(SOURCE) },
    ]);
  });

  it('is silent to an RFC 3489 client that wants its answer from another address', () => {
    for (const flags of [2, 4, 6]) {
      expect(stunResponder(request([change(flags)], { cookie: false }), SOURCE)).toBeNull();
    }
  });

  it('refuses CHANGE-REQUEST of newer clients unless it asks for nothing', () => {
    expect(readStunMessage(stunResponder(request([change(6)]), SOURCE)!)!.type).toBe(StunType.BindingError);
    expect(readStunMessage(stunResponder(request([change(0)]), SOURCE)!)!.type).toBe(StunType.BindingSuccess);
  });

  it('tells an IPv4 client behind a dual-stack socket its IPv4 address', () => {
    const answer = stunResponder(request([]), { address: '::ffff:192.0.2.1', port: 32853 })!;
    expect(mappedAddressOf(readStunMessage(answer)!)).toEqual(SOURCE);
  });

  it('never answers an answer, so that two responders cannot be set on each other', () => {
    const answer = stunResponder(request([]), SOURCE)!;
    expect(stunResponder(answer, SOURCE)).toBeNull();
    const refusal = stunResponder(request([{ type: 0x7001, value: new Uint8Array(0) }]), SOURCE)!;
    expect(stunResponder(refusal, SOURCE)).toBeNull();
  });
});

const anyAddress = fc.oneof(fc.ipV4(), fc.ipV6());
const anyAttribute = fc
  .record({
    type: fc.oneof(fc.constantFrom(...Object.values(StunAttribute)), fc.integer({ min: 0, max: 0xffff })),
    value: fc.uint8Array({ maxLength: 40 }),
  })
  .filter(({ type }) => type !== StunAttribute.Fingerprint);
const anyRequest = fc
  .tuple(fc.array(anyAttribute, { maxLength: 6 }), fc.boolean(), fc.boolean())
  .map(([attributes, cookie, fingerprint]) => request(attributes, { cookie, fingerprint }));

describe('properties of STUN', () => {
  it('messages survive a round trip', () => {
    fc.assert(
      fc.property(
        fc.array(anyAttribute, { maxLength: 8 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.boolean(),
        (attributes, id, fingerprint) => {
          const message = { type: StunType.BindingSuccess, transaction: id, attributes };
          const decoded = readStunMessage(writeStunMessage(message, { fingerprint }))!;
          expect(decoded.transaction).toEqual(id);
          expect(decoded.attributes.slice(0, attributes.length)).toEqual(attributes);
        },
      ),
    );
  });

  it('the address that a client is told is its own', () => {
    fc.assert(
      fc.property(anyAddress, fc.integer({ min: 1, max: 65_535 }), fc.boolean(), (address, port, cookie) => {
        const answer = readStunMessage(stunResponder(request([], { cookie }), { address, port })!)!;
        const mapped = mappedAddressOf(answer)!;
        expect(mapped.port).toBe(port);
        expect(writeStunAddress(mapped)).toEqual(writeStunAddress({ address, port }));
      }),
    );
  });

  it('no answer is longer than 2.8 times its request', () => {
    fc.assert(
      fc.property(anyRequest, anyAddress, (datagram, address) => {
        const answer = stunResponder(datagram, { address, port: 9 });
        expect((answer?.length ?? 0) / datagram.length).toBeLessThanOrEqual(2.8);
      }),
      { numRuns: 2000 },
    );
  });

  it('random and mutated bytes are a value, never an exception', () => {
    const mutated = fc
      .tuple(
        fc.constantFrom(RFC5769_REQUEST, RFC5769_IPV4, RFC5769_IPV6),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
      )
      .map(([base, at, byte]) => {
        const copy = new Uint8Array(base);
        copy[at % copy.length] = byte;
        return copy;
      });
    const framed = fc.uint8Array({ maxLength: 120 }).map((bytes) => {
      const padded = new Uint8Array(20 + ((bytes.length + 3) & ~3));
      padded.set([0, 1, 0, padded.length - 20, ...COOKIE]);
      padded.set(bytes, 20);
      return padded;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated, framed), (bytes) => {
        const message = readStunMessage(bytes);
        if (message) mappedAddressOf(message);
        stunResponder(bytes, SOURCE);
      }),
      { numRuns: 20_000 },
    );
  });

  it('has the magic cookie of RFC 8489', () => {
    expect(STUN_MAGIC_COOKIE).toBe(Buffer.from(COOKIE).readUInt32BE(0));
  });
});
