import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../../net/src/node-crypto.ts';
import type { SessionCrypto } from './crypto.ts';
import { InviteInitiator, MAX_HANDSHAKE_PAYLOAD_BYTES, MAX_REPLY_ATTEMPTS, readInvite } from './invite.ts';
import type { CallKeys } from './key-schedule.ts';
import { keyPairOf, writeMessage1 } from './noise-ik.ts';
import { callPrologue } from './prologue.ts';

const ALICE = keyPairOf(crypto.randomBytes(32));
const BOB = keyPairOf(crypto.randomBytes(32));
const PARTS = {
  callerVersions: [1, 2],
  calleeVersions: [1, 2],
  directoryKeyId: 'directory',
  caller: 'alice',
  callee: 'bob',
};
const PROLOGUE = callPrologue(PARTS);
const bytes = (text: string) => new TextEncoder().encode(text);

function invite(overrides: Partial<ConstructorParameters<typeof InviteInitiator>[0]> = {}) {
  return new InviteInitiator({
    crypto,
    staticKey: ALICE,
    remoteStatic: BOB.publicKey,
    prologue: PROLOGUE,
    payload: bytes('from alice'),
    ...overrides,
  });
}

function receive(noise: Uint8Array, overrides: Partial<Parameters<typeof readInvite>[0]> = {}) {
  return readInvite({ crypto, staticKey: BOB, prologue: PROLOGUE, noise, ...overrides });
}

/** Whether what `a` sends is what `b` expects, and the other way round. */
function keysFit(a: CallKeys, b: CallKeys): boolean {
  const text = (keys: unknown) => JSON.stringify(keys);
  return text(a.send) === text(b.receive) && text(a.receive) === text(b.send);
}

describe('a handshake', () => {
  it('gives both sides the same keys, and each the payload of the other', () => {
    const caller = invite();
    const received = receive(caller.message)!;
    expect(received.payload).toEqual(bytes('from alice'));
    expect(received.remoteStatic).toEqual(ALICE.publicKey);
    const reply = received.reply(bytes('from bob'));
    const done = caller.readReply(reply.noise)!;
    expect(done.payload).toEqual(bytes('from bob'));
    expect(keysFit(done.keys, reply.keys)).toBe(true);
    expect(done.keys.handshakeHash).toEqual(reply.keys.handshakeHash);
    expect(done.keys.handshakeHash.length).toBe(64);
  });

  it('carries any payload up to the limit, and refuses to send a longer one', () => {
    const payload = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(payload, payload, (first, second) => {
        const caller = invite({ payload: first });
        const received = receive(caller.message)!;
        expect(received.payload).toEqual(first);
        expect(caller.readReply(received.reply(second).noise)!.payload).toEqual(second);
      }),
      { numRuns: 20 },
    );
    const longest = new Uint8Array(MAX_HANDSHAKE_PAYLOAD_BYTES).fill(7);
    const caller = invite({ payload: longest });
    expect(caller.message.length).toBeLessThanOrEqual(16 * 1024);
    const received = receive(caller.message)!;
    expect(caller.readReply(received.reply(longest).noise)!.payload).toEqual(longest);
    const tooLong = new Uint8Array(MAX_HANDSHAKE_PAYLOAD_BYTES + 1);
    expect(() => invite({ payload: tooLong })).toThrow(RangeError);
    expect(() => receive(caller.message)!.reply(tooLong)).toThrow(RangeError);
  });

  it('leaves the bytes and keys that it was given as they were', () => {
    const alice = keyPairOf(ALICE.secretKey);
    const caller = invite({ staticKey: alice });
    const message = caller.message.slice();
    const reply = receive(caller.message)!.reply(bytes('x'));
    const noise = reply.noise.slice();
    caller.readReply(reply.noise);
    expect(caller.message).toEqual(message);
    expect(reply.noise).toEqual(noise);
    expect(alice).toEqual(ALICE);
  });

  it('has keys of its own, though everything else is the same', () => {
    const keys = Array.from({ length: 5 }, () => receive(invite().message)!.reply(bytes('')).keys);
    expect(new Set(keys.map((k) => String(k.send.media.key))).size).toBe(5);
  });
});

describe('readInvite', () => {
  it.each<[string, Partial<typeof PARTS>]>([
    ['shorter version list of the caller (downgrade)', { callerVersions: [1] }],
    ['shorter version list of the callee (downgrade)', { calleeVersions: [1] }],
    ['reordered version list', { callerVersions: [2, 1] }],
    ['other directory', { directoryKeyId: 'elsewhere' }],
    ['other caller', { caller: 'mallory' }],
    ['other callee', { callee: 'mallory' }],
  ])('refuses a message made for an%s', (_, change) => {
    const caller = invite({ prologue: callPrologue({ ...PARTS, ...change }) });
    expect(receive(caller.message)).toBeNull();
  });

  it('refuses versions without a common one', () => {
    const prologue = callPrologue({ ...PARTS, callerVersions: [3] });
    expect(() => invite({ prologue })).toThrow(expect.objectContaining({ code: 'no-common-version' }));
    const noise = writeMessage1({
      staticKey: ALICE,
      ephemeralKey: keyPairOf(crypto.randomBytes(32)),
      remoteStatic: BOB.publicKey,
      prologue,
      payload: crypto.generateKem().publicKey,
    });
    expect(receive(noise, { prologue })).toBeNull();
  });

  it('refuses a message for another key', () => {
    expect(receive(invite({ remoteStatic: ALICE.publicKey }).message)).toBeNull();
  });

  it('refuses random, cut, lengthened and altered messages', () => {
    const { message } = invite();
    const altered = fc.nat({ max: message.length - 1 }).map((at) => {
      const spoilt = message.slice();
      spoilt[at]! ^= 1 << (at % 8);
      return spoilt;
    });
    const cut = fc.nat({ max: message.length - 1 }).map((length) => message.slice(0, length));
    const longer = fc
      .uint8Array({ minLength: 1, maxLength: 50 })
      .map((more) => Buffer.concat([message, more]));
    const random = fc.uint8Array({ maxLength: 2000 });
    fc.assert(
      fc.property(fc.oneof(altered, cut, longer, random), (noise) => {
        expect(receive(new Uint8Array(noise))).toBeNull();
      }),
      { numRuns: 200 },
    );
    expect(receive(new Uint8Array(100_000))).toBeNull();
    expect(receive(message)).not.toBeNull();
  });

  it('refuses an ML-KEM key that is none', () => {
    const noise = writeMessage1({
      staticKey: ALICE,
      ephemeralKey: keyPairOf(crypto.randomBytes(32)),
      remoteStatic: BOB.publicKey,
      prologue: PROLOGUE,
      payload: new Uint8Array(1184).fill(0xff),
    });
    expect(receive(noise)).toBeNull();
  });

  it('replies once', () => {
    const received = receive(invite().message)!;
    received.reply(bytes('x'));
    expect(() => received.reply(bytes('x'))).toThrow('once');
  });
});

describe('InviteInitiator', () => {
  it.each([
    ['all zeros', new Uint8Array(32)],
    ['of low order', Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))],
    ['too short', new Uint8Array(31).fill(9)],
    ['too long', new Uint8Array(33).fill(9)],
  ])('refuses a callee whose key is %s', (_, remoteStatic) => {
    expect(() => invite({ remoteStatic })).toThrow(
      expect.objectContaining({ code: 'agreement-key-invalid' }),
    );
  });

  it('takes the right reply after injected bad ones', () => {
    const caller = invite();
    const message = caller.message.slice();
    const { noise } = receive(caller.message)!.reply(bytes('good'));
    const altered = noise.slice();
    altered[altered.length - 1]! ^= 1;
    const ofAnotherCall = receive(invite().message)!.reply(bytes('good')).noise;
    const lowOrder = noise.slice().fill(0, 0, 32);
    const bad = [altered, ofAnotherCall, lowOrder, crypto.randomBytes(noise.length), message];
    for (const reply of bad) expect(caller.readReply(reply)).toBeNull();
    expect(caller.readReply(noise)!.payload).toEqual(bytes('good'));
  });

  it('does not count what cannot be a reply by its size', () => {
    const caller = invite();
    const { noise } = receive(caller.message)!.reply(bytes('good'));
    for (let i = 0; i < 3 * MAX_REPLY_ATTEMPTS; i++) expect(caller.readReply(new Uint8Array(i))).toBeNull();
    expect(caller.readReply(new Uint8Array(70_000))).toBeNull();
    expect(caller.readReply(noise)).not.toBeNull();
  });

  it('gives up after a bounded number of attempts', () => {
    const caller = invite();
    const { noise } = receive(caller.message)!.reply(bytes('late'));
    const forged = new Uint8Array(noise.length).fill(9);
    for (let i = 0; i < MAX_REPLY_ATTEMPTS; i++) expect(caller.readReply(forged)).toBeNull();
    expect(caller.readReply(noise)).toBeNull();
  });

  it('gives keys once', () => {
    const caller = invite();
    const { noise } = receive(caller.message)!.reply(bytes(''));
    expect(caller.readReply(noise)).not.toBeNull();
    expect(caller.readReply(noise)).toBeNull();
  });
});

describe('ML-KEM', () => {
  it('is part of the keys: a ciphertext for another secret gives keys that do not fit', () => {
    const tampering: SessionCrypto = {
      ...crypto,
      encapsulate: (publicKey) => {
        const made = crypto.encapsulate(publicKey)!;
        made.ciphertext[0]! ^= 1;
        return made;
      },
    };
    const caller = invite();
    const reply = receive(caller.message, { crypto: tampering })!.reply(bytes('x'));
    const done = caller.readReply(reply.noise)!;
    expect(done.keys.handshakeHash).toEqual(reply.keys.handshakeHash);
    expect(keysFit(done.keys, reply.keys)).toBe(false);
  });
});
