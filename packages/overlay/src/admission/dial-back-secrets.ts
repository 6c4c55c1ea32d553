import {
  DIAL_BACK_ID_BYTES,
  type DialBackMac,
  dialBackTcpProof,
  isDialBackFrom,
  readDialBackProbe,
  toBase64Url,
  writeDialBackAnswer,
} from '@overcall/wire';
import type { RelayCrypto } from '../bind-cookie.ts';

/** Requests that wait for others to reach this supernode: a few at once, a few times an hour. */
const MAX_OPEN = 32;
const LIFETIME_MS = 15_000;

/**
 * The side of a dial-back that is to be reached: answers probes whose secret it has given away, and nobody else.
 * Life cycle: `open` for each request, `close` when its report is there.
 */
export class DialBackSecrets {
  readonly #crypto: RelayCrypto;
  readonly #byId = new Map<string, { secret: Uint8Array; expiresAtMs: number }>();

  constructor(crypto: RelayCrypto) {
    this.#crypto = crypto;
  }

  /** What a request carries. */
  open(nowMs: number): { id: string; secret: string } {
    const [id, secret] = [this.#crypto.randomBytes(DIAL_BACK_ID_BYTES), this.#crypto.randomBytes(32)];
    if (this.#byId.size >= MAX_OPEN) this.#byId.delete(this.#byId.keys().next().value!);
    this.#byId.set(toBase64Url(id), { secret, expiresAtMs: nowMs + LIFETIME_MS });
    return { id: toBase64Url(id), secret: toBase64Url(secret) };
  }

  close(id: string): void {
    this.#byId.delete(id);
  }

  /** The answer to a probe, as long as that; null for whoever does not know a secret. */
  answer(datagram: Uint8Array, nowMs: number): Uint8Array | null {
    const probe = readDialBackProbe(datagram);
    const mac = probe === null ? null : this.#mac(toBase64Url(probe.id), nowMs);
    if (probe === null || mac === null || !isDialBackFrom(datagram, mac)) return null;
    return writeDialBackAnswer(probe, mac);
  }

  /** The proof over TCP; null when there is no such request. */
  proof(id: Uint8Array, nonce: Uint8Array, nowMs: number): string | null {
    const mac = this.#mac(toBase64Url(id), nowMs);
    return mac === null ? null : toBase64Url(dialBackTcpProof({ id, nonce }, mac));
  }

  #mac(id: string, nowMs: number): DialBackMac | null {
    const known = this.#byId.get(id);
    if (known === undefined || nowMs >= known.expiresAtMs) return null;
    return (bytes) => this.#crypto.hmacSha256(known.secret, bytes);
  }
}
