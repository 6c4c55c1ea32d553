import { CHECK_TOKEN_BYTES } from '@overcall/wire';
import type { Path } from './path.ts';

/** Pings that may be out at once; the oldest are given up first. */
const MAX_OUTSTANDING = 1024;

export interface SentPing {
  path: Path;
  sentAtMs: number;
  /** Pings sent on the path before it. */
  number: number;
  /** Media packets sent on the path before it. */
  sentPackets: number;
}

/** The pings that are out, by their tokens. A token answers once. */
export class PingBook {
  readonly #random: (bytes: number) => Uint8Array;
  readonly #byToken = new Map<string, SentPing>();

  constructor(random: (bytes: number) => Uint8Array) {
    this.#random = random;
  }

  /** Notes a ping and returns its token. */
  note(ping: SentPing): Uint8Array {
    const token = this.#random(CHECK_TOKEN_BYTES);
    this.#byToken.set(keyOf(token), ping);
    if (this.#byToken.size > MAX_OUTSTANDING) this.#byToken.delete(this.#byToken.keys().next().value!);
    return token;
  }

  take(token: Uint8Array): SentPing | null {
    const key = keyOf(token);
    const ping = this.#byToken.get(key);
    this.#byToken.delete(key);
    return ping ?? null;
  }
}

function keyOf(token: Uint8Array): string {
  let key = '';
  for (const byte of token) key += String.fromCharCode(byte);
  return key;
}
