import { CHECK_TOKEN_BYTES } from '@overcall/wire';
import type { Path } from './path.ts';

/** Pings that may be out at once; the oldest are given up first. */
export const MAX_PINGS_OUT = 1024;
/** Probes of a spray that may be: those of a second, for no answer takes longer that is of any use. */
export const MAX_PROBES_OUT = 500;

export interface SentPing {
  path: Path;
  sentAtMs: number;
  /** Pings sent on the path before it. */
  number: number;
  /** Media packets sent on the path before it. */
  sentPackets: number;
}

/** To an address that was no path when it went out. */
export interface SentProbe {
  /** {@link pathKey} of what will be one if it is answered. */
  key: string;
  sentAtMs: number;
}

/** The checks that are out, by their tokens. A token answers once. */
export class PingBook<Sent> {
  readonly #random: (bytes: number) => Uint8Array;
  readonly #limit: number;
  readonly #byToken = new Map<string, Sent>();

  constructor(random: (bytes: number) => Uint8Array, limit: number) {
    this.#random = random;
    this.#limit = limit;
  }

  /** Notes a check and returns its token. */
  note(sent: Sent): Uint8Array {
    const token = this.#random(CHECK_TOKEN_BYTES);
    this.#byToken.set(keyOf(token), sent);
    if (this.#byToken.size > this.#limit) this.#byToken.delete(this.#byToken.keys().next().value!);
    return token;
  }

  take(token: Uint8Array): Sent | null {
    const key = keyOf(token);
    const sent = this.#byToken.get(key);
    this.#byToken.delete(key);
    return sent ?? null;
  }
}

function keyOf(token: Uint8Array): string {
  let key = '';
  for (const byte of token) key += String.fromCharCode(byte);
  return key;
}
