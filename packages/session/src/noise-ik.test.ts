import { createDecipheriv } from 'node:crypto';
import { blake2b } from '@noble/hashes/blake2.js';
import { concatBytes } from '@overcall/wire';
import curve from 'noise-handshake/dh.js';
import { describe, expect, it } from 'vitest';
import { keyPairOf, readMessage1, readMessage2, writeMessage1 } from './noise-ik.ts';

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

const CALLER = keyPairOf(hex('e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1'));
const CALLER_EPHEMERAL = keyPairOf(hex('893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a'));
const CALLEE = keyPairOf(hex('4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893'));
const CALLEE_EPHEMERAL = keyPairOf(hex('bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b'));
const PAYLOADS = [
  '4c756477696720766f6e204d69736573',
  '4d757272617920526f746862617264',
  '462e20412e20486179656b',
  '4361726c204d656e676572',
  '4a65616e2d426170746973746520536179',
  '457567656e2042f6686d20766f6e2042617765726b',
];
/** The messages after the handshake depend on the split keys alone, and are the same in both sets of vectors. */
const TRANSPORT = [
  'cd54383060e7a28434cca27fb1cc524cfbabeb18181589df219d07',
  'a856d3bf0246bfc476c655009cd1ed677b8dcc5b349ae8ef2a05f2',
  '49063084b2c51f098337cb8a13739ac848f907e67cfb2cc8a8b60586467aa02fc7',
  '8b9709d23b47e4639df7678d7a21741eba4ef1e9c60383001c7435549c20f9d56f30e935d3',
];

/**
 * Noise_IK_25519_ChaChaPoly_BLAKE2b of published sets. The `handshake_hash` in cacophony's file is the hash after
 * message 1, not the final one (so it is in its other patterns, too); noise-c's is the final one.
 */
const VECTORS = [
  {
    source: 'cacophony (as in mcginty/snow, tests/vectors/cacophony.txt)',
    prologue: '4a6f686e2047616c74',
    hashAfterMessage1:
      '5e19a179a87f6b55fee752f66ebe7e56f13107594a93f0b9d96358c5306426e9' +
      'fa98fa56b28af63596b83e104618eea200e6678d5d823cfd0a71a89b431a976a',
    message1:
      'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944' +
      'ba83a447b38c83e327ad936929812f624884847b7831e95e197b2f797088efdd2f88f1db7e1fb0e99c64419097af91ce' +
      'e64e470f4b6fcd9298ce0b56fe20f86e13bf70439c538e3602a7127af71a29cc',
    message2:
      '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843' +
      '9f069b267a06b3de3ecb1043bcb098e9af91d9c64748d998c7b47890871571',
  },
  {
    source: 'noise-c (rweather/noise-c, tests/vector/noise-c-basic.txt)',
    prologue: '50726f6c6f677565313233',
    finalHash:
      '00e51d2aac81a9b8ebe441d6af3e1c8efc0f030cc608332edcb42588ff6a0ce2' +
      '6415ddc106e95277a5e6d54132f1e5245976b89caf96d262f1fe5a7f0c55c078',
    message1:
      'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944' +
      'ba83a447b38c83e327ad936929812f624884847b7831e95e197b2f797088efdd232fe541af156ec6d0657602902a8c3e' +
      'e64e470f4b6fcd9298ce0b56fe20f86e60d9d933ec6e103ffb09e6001d6abb64',
    message2:
      '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843' +
      '9f069b267a06b3de3ecb1043bcb09807c6cd101f3826192a65f11ef3fe4317',
  },
];

/** ChaCha20-Poly1305 with a Noise nonce: 4 zero bytes, then the counter, little-endian. */
function openTransport(key: Uint8Array, counter: number, sealed: Uint8Array): string {
  const nonce = new Uint8Array(12);
  nonce[4] = counter;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  return decipher.update(sealed.subarray(0, -16), undefined, 'hex') + decipher.final('hex');
}

/** MixHash(e), MixHash(encrypted payload) (Noise revision 34, 5.2). */
function hashAfterMessage2(hashAfterMessage1: string, message2: Uint8Array): string {
  const withKey = blake2b(concatBytes(hex(hashAfterMessage1), message2.subarray(0, 32)));
  return toHex(blake2b(concatBytes(withKey, message2.subarray(32))));
}

describe.each(VECTORS)('Noise_IK_25519_ChaChaPoly_BLAKE2b: $source', (vector) => {
  const input = {
    staticKey: CALLER,
    ephemeralKey: CALLER_EPHEMERAL,
    remoteStatic: CALLEE.publicKey,
    prologue: hex(vector.prologue),
    payload: hex(PAYLOADS[0]!),
  };
  const finalHash = vector.finalHash ?? hashAfterMessage2(vector.hashAfterMessage1!, hex(vector.message2));
  const transport = TRANSPORT.map((ciphertext, i) => ({ ciphertext, payload: PAYLOADS[i + 2]! }));

  it('writes message 1', () => {
    expect(toHex(writeMessage1(input))).toBe(vector.message1);
  });

  it('reads message 1 and writes message 2', () => {
    const read = readMessage1(CALLEE, hex(vector.prologue), hex(vector.message1))!;
    expect(toHex(read.payload)).toBe(PAYLOADS[0]);
    expect(toHex(read.remoteStatic)).toBe(toHex(CALLER.publicKey));
    const reply = read.reply(hex(PAYLOADS[1]!), CALLEE_EPHEMERAL);
    expect(toHex(reply.message)).toBe(vector.message2);
    expect(toHex(reply.handshakeHash)).toBe(finalHash);
    transport.forEach(({ ciphertext, payload }, i) => {
      expect(openTransport(reply.splitKeys[i % 2]!, i >> 1, hex(ciphertext))).toBe(payload);
    });
  });

  it('reads message 2', () => {
    const read = readMessage2(input, hex(vector.message2))!;
    expect(toHex(read.payload)).toBe(PAYLOADS[1]);
    expect(toHex(read.handshakeHash)).toBe(finalHash);
    transport.forEach(({ ciphertext, payload }, i) => {
      expect(openTransport(read.splitKeys[i % 2]!, i >> 1, hex(ciphertext))).toBe(payload);
    });
  });

  it('refuses each message with any one bit flipped', () => {
    const flips = (message: Uint8Array) =>
      Array.from(message.keys(), (at) => message.map((byte, i) => (i === at ? byte ^ 0x80 : byte)));
    const spoilt1 = flips(hex(vector.message1));
    // The top bit of an X25519 public key is ignored (RFC 7748, 5), but it is hashed all the same.
    expect(spoilt1.filter((message) => readMessage1(CALLEE, hex(vector.prologue), message) !== null)).toEqual(
      [],
    );
    expect(flips(hex(vector.message2)).filter((message) => readMessage2(input, message) !== null)).toEqual(
      [],
    );
  });
});

describe('arguments', () => {
  it('are left as they were', () => {
    const { prologue, message1, message2 } = VECTORS[0]!;
    const args = {
      staticKey: keyPairOf(CALLER.secretKey),
      ephemeralKey: keyPairOf(CALLER_EPHEMERAL.secretKey),
      remoteStatic: CALLEE.publicKey.slice(),
      prologue: hex(prologue),
      payload: hex(PAYLOADS[0]!),
    };
    const before = structuredClone(args);
    const [first, second] = [hex(message1), hex(message2)];
    const calleeEphemeral = keyPairOf(CALLEE_EPHEMERAL.secretKey);
    writeMessage1(args);
    readMessage2(args, second);
    readMessage1(CALLEE, args.prologue, first)!.reply(args.payload, calleeEphemeral);
    expect(args).toEqual(before);
    expect([toHex(first), toHex(second)]).toEqual([message1, message2]);
    expect(calleeEphemeral).toEqual(keyPairOf(CALLEE_EPHEMERAL.secretKey));
  });
});

describe('X25519', () => {
  const A = keyPairOf(hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'));
  const B = keyPairOf(hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'));

  it('agrees as in RFC 7748, 6.1', () => {
    expect(toHex(A.publicKey)).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
    expect(toHex(B.publicKey)).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
    expect(toHex(curve.dh(B.publicKey, A))).toBe(shared);
    expect(toHex(curve.dh(A.publicKey, B))).toBe(shared);
  });

  // The points of small order on Curve25519 and its twist, canonical and not.
  const LOW_ORDER = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ];
  it.each(LOW_ORDER)('refuses the low-order point %s', (point) => {
    const prologue = new Uint8Array(0);
    const input = {
      staticKey: CALLER,
      ephemeralKey: CALLER_EPHEMERAL,
      remoteStatic: CALLEE.publicKey,
      prologue,
      payload: new Uint8Array(0),
    };
    expect(() => writeMessage1({ ...input, remoteStatic: hex(point) })).toThrow();
    // As the ephemeral key of either message: the attacker would know that part of the secret.
    const message1 = writeMessage1(input);
    message1.set(hex(point));
    expect(readMessage1(CALLEE, prologue, message1)).toBeNull();
    const message2 = readMessage1(CALLEE, prologue, writeMessage1(input))!.reply(
      prologue,
      CALLEE_EPHEMERAL,
    ).message;
    message2.set(hex(point));
    expect(readMessage2(input, message2)).toBeNull();
  });
});
