import { concatBytes, OvercallError } from '@overcall/wire';
import {
  KEM_CIPHERTEXT_BYTES,
  KEM_PUBLIC_KEY_BYTES,
  type KemKeyPair,
  type SessionCrypto,
  type StaticKeyPair,
} from './crypto.ts';
import { type CallKeys, deriveCallKeys } from './key-schedule.ts';
import {
  type InitiatorInput,
  keyPairOf,
  MESSAGE_1_OVERHEAD_BYTES,
  MESSAGE_2_OVERHEAD_BYTES,
  readMessage1,
  readMessage2,
  writeMessage1,
} from './noise-ik.ts';
import { negotiatedVersion } from './prologue.ts';

/**
 * The handshake of a call. Life cycle: the caller makes an {@link InviteInitiator} and sends its `message`; the
 * callee reads it with {@link readInvite} and replies; the caller reads the reply. Then both hold the same
 * {@link CallKeys}. An invite that was read proves nothing yet: it may be a replay, or forged with the callee's
 * own leaked key. Only a packet sealed under the new keys shows that the caller is there.
 */

/** Longest payload of either message, bytes: message 1 then stays within 16 KiB and fits a signal body. */
export const MAX_HANDSHAKE_PAYLOAD_BYTES = 15_000;
/** Replies of the right size that are tried: each costs four X25519 operations. */
export const MAX_REPLY_ATTEMPTS = 8;

const MIN_MESSAGE_1_BYTES = MESSAGE_1_OVERHEAD_BYTES + KEM_PUBLIC_KEY_BYTES;
const MIN_MESSAGE_2_BYTES = MESSAGE_2_OVERHEAD_BYTES + KEM_CIPHERTEXT_BYTES;

function hasMessageLength(noise: Uint8Array, minimumBytes: number): boolean {
  return noise.length >= minimumBytes && noise.length <= minimumBytes + MAX_HANDSHAKE_PAYLOAD_BYTES;
}

function refuseLongPayload(payload: Uint8Array): void {
  if (payload.length > MAX_HANDSHAKE_PAYLOAD_BYTES) {
    throw new RangeError(`a handshake payload has at most ${MAX_HANDSHAKE_PAYLOAD_BYTES} bytes`);
  }
}

export interface InviteOptions {
  crypto: SessionCrypto;
  staticKey: StaticKeyPair;
  /** X25519 key of the callee's device, from its certificate. */
  remoteStatic: Uint8Array;
  /** From `callPrologue`. */
  prologue: Uint8Array;
  /** Readable by the callee's static key alone, now or later: nothing that must stay secret. */
  payload: Uint8Array;
}

/** Caller. */
export class InviteInitiator {
  /** Noise message 1; its payload is kemPublicKey(1184), payload. */
  readonly message: Uint8Array;
  readonly #version: number;
  readonly #kem: KemKeyPair;
  readonly #noise: InitiatorInput;
  #attemptsLeft = MAX_REPLY_ATTEMPTS;

  /**
   * @throws OvercallError `no-common-version`, or `agreement-key-invalid` when the callee's key is of low order or
   * malformed: both are the other side's doing, so callers must be ready for them
   */
  constructor(options: InviteOptions) {
    const { crypto, staticKey, remoteStatic, prologue, payload } = options;
    refuseLongPayload(payload);
    const version = negotiatedVersion(prologue);
    if (version === null) {
      throw new OvercallError(
        'no-common-version',
        'the other softphone speaks no common call version; update',
      );
    }
    this.#version = version;
    this.#kem = crypto.generateKem();
    this.#noise = {
      staticKey: { publicKey: staticKey.publicKey.slice(), secretKey: staticKey.secretKey.slice() },
      ephemeralKey: keyPairOf(crypto.randomBytes(32)),
      remoteStatic: remoteStatic.slice(),
      prologue: prologue.slice(),
      payload: concatBytes(this.#kem.publicKey, payload),
    };
    try {
      this.message = writeMessage1(this.#noise);
    } catch (cause) {
      throw new OvercallError('agreement-key-invalid', 'the X25519 key of the other device is not valid', {
        cause,
      });
    }
  }

  /**
   * Null when it is not a valid reply: nothing has changed then, and the right one still works. Gives keys at most
   * once, and gives up after {@link MAX_REPLY_ATTEMPTS}.
   */
  readReply(noise: Uint8Array): { payload: Uint8Array; keys: CallKeys } | null {
    if (this.#attemptsLeft === 0 || !hasMessageLength(noise, MIN_MESSAGE_2_BYTES)) return null;
    this.#attemptsLeft--;
    const reply = readMessage2(this.#noise, noise);
    if (reply === null) return null;
    this.#attemptsLeft = 0;
    this.#noise.ephemeralKey.secretKey.fill(0);
    this.#noise.staticKey.secretKey.fill(0);
    const keys = deriveCallKeys({
      role: 'caller',
      version: this.#version,
      handshakeHash: reply.handshakeHash,
      splitKeys: reply.splitKeys,
      kemSecret: this.#kem.decapsulate(reply.payload.slice(0, KEM_CIPHERTEXT_BYTES)),
    });
    return { payload: reply.payload.slice(KEM_CIPHERTEXT_BYTES), keys };
  }
}

export interface ReceivedInvite {
  /** X25519 key that the caller claims; the payload's certificate must name it. */
  remoteStatic: Uint8Array;
  payload: Uint8Array;
  /** Noise message 2, its payload being kemCiphertext(1088), payload; once. */
  reply(payload: Uint8Array): { noise: Uint8Array; keys: CallKeys };
}

/** Callee. Null when the message is not a valid message 1 for this key and prologue. */
export function readInvite(options: {
  crypto: SessionCrypto;
  staticKey: StaticKeyPair;
  prologue: Uint8Array;
  noise: Uint8Array;
}): ReceivedInvite | null {
  const { crypto, staticKey, prologue, noise } = options;
  const version = negotiatedVersion(prologue);
  if (version === null || !hasMessageLength(noise, MIN_MESSAGE_1_BYTES)) return null;
  const invite = readMessage1(staticKey, prologue, noise);
  if (invite === null) return null;
  const kem = crypto.encapsulate(invite.payload.slice(0, KEM_PUBLIC_KEY_BYTES));
  if (kem === null) return null;
  let replied = false;
  return {
    remoteStatic: invite.remoteStatic,
    payload: invite.payload.slice(KEM_PUBLIC_KEY_BYTES),
    reply(payload) {
      if (replied) throw new Error('an invite is replied to once');
      refuseLongPayload(payload);
      replied = true;
      const ephemeralKey = keyPairOf(crypto.randomBytes(32));
      const result = invite.reply(concatBytes(kem.ciphertext, payload), ephemeralKey);
      ephemeralKey.secretKey.fill(0);
      const keys = deriveCallKeys({ role: 'callee', version, kemSecret: kem.sharedSecret, ...result });
      return { noise: result.message, keys };
    },
  };
}
