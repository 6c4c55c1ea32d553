import NoiseState from 'noise-handshake';
import curve from 'noise-handshake/dh.js';
import { describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../../net/src/node-crypto.ts';
import type { SessionCrypto, StaticKeyPair } from './crypto.ts';
import { InviteInitiator, readInvite } from './invite.ts';
import { type CallKeys, deriveCallKeys } from './key-schedule.ts';
import { keyPairOf, readMessage1, readMessage2 } from './noise-ik.ts';
import { PacketOpener, PacketSealer } from './packets.ts';
import { callPrologue } from './prologue.ts';

/** What an attacker gets who holds more than the network shows. Each test has a control that must succeed. */
const ALICE = keyPairOf(crypto.randomBytes(32));
const BOB = keyPairOf(crypto.randomBytes(32));
const PROLOGUE = callPrologue({
  callerVersions: [1],
  calleeVersions: [1],
  directoryKeyId: 'directory',
  caller: 'alice',
  callee: 'bob',
});
const NOTHING = new Uint8Array(0);

/** The secrets of one run, so that a test can leak some of them. */
function recordingCrypto(): SessionCrypto & { ephemeralSecrets: Uint8Array[]; kemSecrets: Uint8Array[] } {
  const ephemeralSecrets: Uint8Array[] = [];
  const kemSecrets: Uint8Array[] = [];
  return {
    ...crypto,
    ephemeralSecrets,
    kemSecrets,
    randomBytes: (count) => {
      const bytes = crypto.randomBytes(count);
      ephemeralSecrets.push(bytes.slice());
      return bytes;
    },
    encapsulate: (publicKey) => {
      const made = crypto.encapsulate(publicKey);
      if (made) kemSecrets.push(made.sharedSecret.slice());
      return made;
    },
  };
}

function recordedCall() {
  const callerCrypto = recordingCrypto();
  const calleeCrypto = recordingCrypto();
  const options = { staticKey: ALICE, remoteStatic: BOB.publicKey, prologue: PROLOGUE, payload: NOTHING };
  const caller = new InviteInitiator({ ...options, crypto: callerCrypto });
  const received = readInvite({
    crypto: calleeCrypto,
    staticKey: BOB,
    prologue: PROLOGUE,
    noise: caller.message,
  })!;
  const reply = received.reply(NOTHING);
  const { keys } = caller.readReply(reply.noise)!;
  const kemPublicKey = readMessage1(BOB, PROLOGUE, caller.message)!.payload;
  return {
    keys,
    message1: caller.message,
    message2: reply.noise,
    kemPublicKey,
    callerEphemeral: keyPairOf(callerCrypto.ephemeralSecrets[0]!),
    kemSecret: calleeCrypto.kemSecrets[0]!,
  };
}

type RecordedCall = ReturnType<typeof recordedCall>;

/** Runs the caller's side again over the recorded messages, with these secrets. */
function replayCaller(
  call: RecordedCall,
  ephemeralKey: StaticKeyPair,
  kemSecret: Uint8Array,
): CallKeys | null {
  const input = {
    staticKey: ALICE,
    ephemeralKey,
    remoteStatic: BOB.publicKey,
    prologue: PROLOGUE,
    payload: call.kemPublicKey,
  };
  const read = readMessage2(input, call.message2);
  return read && deriveCallKeys({ role: 'caller', version: 1, kemSecret, ...read });
}

describe('after the call, with both static keys leaked and everything recorded', () => {
  it('the keys need the ephemeral secret of one side', () => {
    const call = recordedCall();
    // Control: with it (and the ML-KEM secret) the attacker has everything.
    expect(replayCaller(call, call.callerEphemeral, call.kemSecret)).toEqual(call.keys);
    expect(replayCaller(call, keyPairOf(crypto.randomBytes(32)), call.kemSecret)).toBeNull();
    // Neither static secret was used as the ephemeral one.
    expect(replayCaller(call, ALICE, call.kemSecret)).toBeNull();
    expect(replayCaller(call, BOB, call.kemSecret)).toBeNull();
  });

  it('running the callee again on the recorded invite gives other keys', () => {
    const call = recordedCall();
    const again = readInvite({ crypto, staticKey: BOB, prologue: PROLOGUE, noise: call.message1 })!.reply(
      NOTHING,
    );
    expect(again.keys.receive).not.toEqual(call.keys.send);
    expect(again.noise).not.toEqual(call.message2);
  });

  it('all of X25519 broken is not enough without the ML-KEM secret', () => {
    const call = recordedCall();
    const withoutKem = replayCaller(call, call.callerEphemeral, new Uint8Array(32))!;
    expect(withoutKem.handshakeHash).toEqual(call.keys.handshakeHash);
    expect(withoutKem.send.media).not.toEqual(call.keys.send.media);
    expect(withoutKem.receive.signal).not.toEqual(call.keys.receive.signal);
  });
});

describe('a replayed invite', () => {
  it('is read and replied to, but the replayer cannot confirm', () => {
    const call = recordedCall();
    const fooled = readInvite({ crypto, staticKey: BOB, prologue: PROLOGUE, noise: call.message1 })!;
    const { keys } = fooled.reply(NOTHING);
    const bob = new PacketOpener(crypto, keys.receive.signal);
    // The best the replayer has: the keys and packets of the call it recorded.
    const old = new PacketSealer(crypto, call.keys.send.signal).seal(NOTHING, NOTHING);
    expect(bob.open(old.counter, old.sealed, NOTHING)).toBeNull();
    // Control: the caller of this very handshake would be believed.
    const right = new PacketSealer(crypto, keys.receive.signal).seal(NOTHING, NOTHING);
    expect(bob.open(right.counter, right.sealed, NOTHING)).not.toBeNull();
  });
});

describe("an invite forged as alice with bob's leaked static key (key-compromise impersonation)", () => {
  /** Diffie-Hellman as the forger can do it: where alice's secret is asked for, bob's does for bob's key only. */
  const forgersCurve = (aliceSecret: Uint8Array | null) => ({
    ...curve,
    dh: (publicKey: Uint8Array, pair: StaticKeyPair) => {
      if (Buffer.compare(pair.publicKey, ALICE.publicKey) !== 0) return curve.dh(publicKey, pair);
      if (Buffer.compare(publicKey, BOB.publicKey) === 0) return curve.dh(ALICE.publicKey, BOB);
      return curve.dh(publicKey, { ...ALICE, secretKey: aliceSecret ?? BOB.secretKey });
    },
  });

  function forge(aliceSecret: Uint8Array | null) {
    const kem = crypto.generateKem();
    const claimed = { publicKey: ALICE.publicKey.slice(), secretKey: new Uint8Array(32) };
    const state = new NoiseState('IK', true, claimed, { curve: forgersCurve(aliceSecret) });
    state.initialise(PROLOGUE, BOB.publicKey.slice());
    const noise = new Uint8Array(state.send(kem.publicKey));
    return { noise, readReply: (reply: Uint8Array) => state.recv(reply.slice()) };
  }

  it('is taken for hers, but the forger cannot read the reply, and so never rings', () => {
    const forged = forge(null);
    const received = readInvite({ crypto, staticKey: BOB, prologue: PROLOGUE, noise: forged.noise })!;
    expect(received.remoteStatic).toEqual(ALICE.publicKey);
    const reply = received.reply(NOTHING);
    expect(() => forged.readReply(reply.noise)).toThrow();
  });

  it('control: with her secret, which only she has, the reply is readable', () => {
    const honest = forge(ALICE.secretKey);
    const received = readInvite({ crypto, staticKey: BOB, prologue: PROLOGUE, noise: honest.noise })!;
    expect(honest.readReply(received.reply(NOTHING).noise).length).toBe(1088);
  });
});

describe("somebody else answering in bob's place", () => {
  it('cannot read the invite, and a reply under another static key is refused', () => {
    const mallory = keyPairOf(crypto.randomBytes(32));
    const options = { crypto, staticKey: ALICE, prologue: PROLOGUE, payload: NOTHING };
    const caller = new InviteInitiator({ ...options, remoteStatic: BOB.publicKey });
    expect(readInvite({ crypto, staticKey: mallory, prologue: PROLOGUE, noise: caller.message })).toBeNull();
    const forMallory = new InviteInitiator({ ...options, remoteStatic: mallory.publicKey });
    const received = readInvite({
      crypto,
      staticKey: mallory,
      prologue: PROLOGUE,
      noise: forMallory.message,
    })!;
    expect(caller.readReply(received.reply(NOTHING).noise)).toBeNull();
  });
});
