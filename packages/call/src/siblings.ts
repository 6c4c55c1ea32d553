import { equalBytes, fromBase64Url, SignalType, writeSignalBody } from '@overcall/wire';
import type { CallContext, CallId, RemoteEndpoint } from './call-types.ts';

/** Other softphones of this user that are told; of a call, more hear it from the caller. */
const MAX_SIBLINGS = 8;

/**
 * The other softphones of this user, which ring for the same call. Whichever is answered tells the others by itself: the
 * word of the caller, who tells them as well, comes a round trip to the caller later. It needs no keys: the caller gives all of them
 * one secret number, and who says it is one of them; once it has been said, supernodes know it too, and it is of no more use.
 */
export class Siblings {
  readonly #context: CallContext;
  readonly #callId: CallId;
  #token: Uint8Array | null = null;
  /** One that was said before the caller told which it is. */
  #early: Uint8Array | null = null;
  #found: readonly RemoteEndpoint[] | null = null;
  #isAnswered = false;

  constructor(context: CallContext, callId: CallId) {
    this.#context = context;
    this.#callId = callId;
  }

  /** What the caller has confirmed with; nothing from those who do not know of it. */
  learn(token: string | undefined): void {
    this.#token = token === undefined ? null : fromBase64Url(token);
  }

  /** Whether one of them has been answered already. */
  get wereStopped(): boolean {
    return this.#token !== null && this.#early !== null && equalBytes(this.#token, this.#early);
  }

  /** Asks where they are, by certificates of this user: the caller is not believed in that. */
  seek(): void {
    if (this.#token === null) return;
    this.#context.emit({
      type: 'lookup',
      callId: this.#callId,
      name: this.#context.local.name,
      again: true,
    });
  }

  /** Whether this was the answer to {@link seek}. */
  handleFound(endpoints: readonly RemoteEndpoint[]): boolean {
    const { name, identityKey } = this.#context.local;
    if (endpoints.length === 0 || !endpoints.every(({ device }) => device.name === name)) return false;
    const isNews = this.#found === null;
    this.#found = ofIdentity(endpoints, identityKey);
    if (isNews && this.#isAnswered) this.stop();
    return true;
  }

  /** This softphone was answered. */
  stop(): void {
    this.#isAnswered = true;
    if (this.#token === null || this.#found === null) return;
    const body = writeSignalBody({ type: SignalType.Stop, token: this.#token });
    for (const { device, endpoint, supernodes } of this.#found)
      this.#context.emit({
        type: 'signal',
        supernodes,
        to: { device: device.deviceId, endpoint },
        callId: this.#callId,
        body,
      });
  }

  /** Whether it is the number of this call. */
  handleStop(token: Uint8Array): boolean {
    this.#early = token;
    return this.wereStopped;
  }
}

/** Those with our own identity key: a directory that certifies another one for our name does not make siblings. */
export function ofIdentity(endpoints: readonly RemoteEndpoint[], identityKey: string): RemoteEndpoint[] {
  return endpoints.filter(({ device }) => device.identityKey.x === identityKey).slice(0, MAX_SIBLINGS);
}
