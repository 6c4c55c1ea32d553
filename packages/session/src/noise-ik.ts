import NoiseState from 'noise-handshake';
import curve from 'noise-handshake/dh.js';
import type { StaticKeyPair } from './crypto.ts';

/**
 * Noise_IK_25519_ChaChaPoly_BLAKE2b (Noise revision 34) over noise-handshake. That library wipes memory which it
 * was given and throws on anything invalid; here every argument is copied and invalid input is null.
 *
 * Message 1: e(32), encrypted s(32 + 16), encrypted payload(n + 16). Message 2: e(32), encrypted payload(n + 16).
 */
export const MESSAGE_1_OVERHEAD_BYTES = 96;
export const MESSAGE_2_OVERHEAD_BYTES = 48;

export interface NoiseResult {
  /** The first is for initiator -> responder. */
  splitKeys: readonly [Uint8Array, Uint8Array];
  handshakeHash: Uint8Array;
}

function keyPair(pair: StaticKeyPair): StaticKeyPair {
  return { publicKey: pair.publicKey.slice(), secretKey: pair.secretKey.slice() };
}

/** The key pair of an X25519 secret key, which is copied. */
export function keyPairOf(secretKey: Uint8Array): StaticKeyPair {
  const pair = curve.generateKeyPair(secretKey.slice());
  return { publicKey: new Uint8Array(pair.publicKey), secretKey: new Uint8Array(pair.secretKey) };
}

export interface InitiatorInput {
  staticKey: StaticKeyPair;
  ephemeralKey: StaticKeyPair;
  remoteStatic: Uint8Array;
  prologue: Uint8Array;
  payload: Uint8Array;
}

function startInitiator(input: InitiatorInput): { state: NoiseState; message: Uint8Array } {
  const state = new NoiseState('IK', true, keyPair(input.staticKey));
  state.initialise(input.prologue.slice(), input.remoteStatic.slice());
  state.e = keyPair(input.ephemeralKey);
  return { state, message: new Uint8Array(state.send(input.payload.slice())) };
}

/** Message 1: the same bytes for the same input. Throws when a key is of low order or not of 32 bytes. */
export function writeMessage1(input: InitiatorInput): Uint8Array {
  return startInitiator(input).message;
}

/**
 * Reads message 2 of the handshake that {@link writeMessage1} began with this very input. The state is built anew
 * each time, because a message that fails spoils it and anybody on the way could send one.
 */
export function readMessage2(
  input: InitiatorInput,
  message: Uint8Array,
): (NoiseResult & { payload: Uint8Array }) | null {
  try {
    const { state } = startInitiator(input);
    const payload = new Uint8Array(state.recv(message.slice()));
    return { payload, splitKeys: [state.tx, state.rx], handshakeHash: state.hash };
  } catch {
    return null;
  }
}

export interface Message1 {
  remoteStatic: Uint8Array;
  payload: Uint8Array;
  /** Writes message 2; once. */
  reply(payload: Uint8Array, ephemeralKey: StaticKeyPair): NoiseResult & { message: Uint8Array };
}

/** Reads message 1 as the responder; null when it is not one for this key and prologue. */
export function readMessage1(
  staticKey: StaticKeyPair,
  prologue: Uint8Array,
  message: Uint8Array,
): Message1 | null {
  try {
    const state = new NoiseState('IK', false, keyPair(staticKey));
    state.initialise(prologue.slice());
    const payload = new Uint8Array(state.recv(message.slice()));
    return {
      remoteStatic: new Uint8Array(state.rs!),
      payload,
      reply(replyPayload, ephemeralKey) {
        state.e = keyPair(ephemeralKey);
        const reply = new Uint8Array(state.send(replyPayload.slice()));
        return { message: reply, splitKeys: [state.rx, state.tx], handshakeHash: state.hash };
      },
    };
  } catch {
    return null;
  }
}
