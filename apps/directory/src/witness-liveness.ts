import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { KeyId } from '@overcall/identity';
import { addressPolicy } from '@overcall/overlay';
import type { StoredSupernode } from './store.ts';

/** A TLS handshake takes two round trips. */
const TIMEOUT_MS = 2000;
/** Who was dead is not asked to try others for so long. */
const DEAD_FOR_MS = 600_000;
/** Nobody has a supernode connected to more often than this. */
const ALIVE_FOR_MS = 10_000;
const MAX_REMEMBERED = 10_000;

export interface LivenessOptions {
  /** Networks besides public ones that this directory connects to. */
  allowNets: readonly string[];
  now: () => number;
}

/**
 * Whether a listed supernode is there: its certificate shows at one of its control addresses. The directory looks only when
 * a candidate brings fewer confirmations than it should, because who is dead cannot confirm anything. An address that the
 * directory does not connect to counts as alive: nobody gets around others by naming such.
 */
export class WitnessLiveness {
  readonly #mayConnect: (address: string) => boolean;
  readonly #now: () => number;
  readonly #seen = new Map<KeyId, { isAlive: boolean; atMs: number }>();

  constructor({ allowNets, now }: LivenessOptions) {
    this.#mayConnect = addressPolicy(allowNets);
    this.#now = now;
  }

  isKnownDead(keyId: KeyId): boolean {
    const seen = this.#seen.get(keyId);
    return seen?.isAlive === false && this.#now() - seen.atMs < DEAD_FOR_MS;
  }

  /** How many of them are alive. */
  async areAlive(supernodes: readonly StoredSupernode[]): Promise<number> {
    const alive = await Promise.all(supernodes.map((supernode) => this.#isAlive(supernode)));
    return alive.filter(Boolean).length;
  }

  async #isAlive({ keyId, entry }: StoredSupernode): Promise<boolean> {
    const seen = this.#seen.get(keyId);
    if (seen !== undefined && this.#now() - seen.atMs < ALIVE_FOR_MS) return seen.isAlive;
    const targets = entry.control.flatMap((text) => targetOf(text) ?? []);
    const permitted = targets.filter(({ host }) => this.#mayConnect(host));
    const isAlive =
      permitted.length < targets.length ||
      (await anyOf(permitted.map((target) => showsCertificate(target, entry.tlsSha256))));
    if (this.#seen.size >= MAX_REMEMBERED) this.#seen.delete(this.#seen.keys().next().value!);
    this.#seen.set(keyId, { isAlive, atMs: this.#now() });
    return isAlive;
  }
}

function targetOf(text: string): { host: string; port: number } | null {
  const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? bare ?? '';
  return isIP(host) === 0 ? null : { host, port: Number(port) };
}

async function anyOf(checks: Promise<boolean>[]): Promise<boolean> {
  return (await Promise.all(checks)).some(Boolean);
}

/** Sends a TLS hello and nothing else. */
function showsCertificate(
  target: { host: string; port: number },
  tlsSha256: readonly string[],
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...target, rejectUnauthorized: false });
    const end = (isAlive: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isAlive);
    };
    const timer = setTimeout(() => end(false), TIMEOUT_MS);
    socket.on('error', () => end(false));
    socket.once('secureConnect', () => {
      const seen = socket.getPeerCertificate().fingerprint256?.replaceAll(':', '').toLowerCase();
      end(seen !== undefined && tlsSha256.includes(seen));
    });
  });
}
