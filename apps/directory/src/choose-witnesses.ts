import { createHmac } from 'node:crypto';
import type { KeyId, SupernodeEntry } from '@overcall/identity';
import { addressPrefix } from '@overcall/net';
import { NEEDED_CONFIRMATIONS } from '@overcall/overlay';

/** Others that are asked to try an entry: two of them have to reach it, and may be slow or dead. */
const MAX_WITNESSES = 4;
/** So long a network gets the same witnesses, ms: whoever asks until two accomplices come up has six tries an hour. */
const WINDOW_MS = 600_000;

interface Supernode {
  keyId: KeyId;
  entry: SupernodeEntry;
}

/**
 * Who tries the addresses of a candidate. The order is by chance, but the same for all candidates of a network for a while, so
 * that asking again, or with another key, brings no others. No two witnesses share a network, nor one with the candidate, as
 * far as there are such; each family of the candidate's addresses has some who can try it.
 */
export class WitnessChoice {
  readonly #secret: Uint8Array;

  /** The same in all processes of a directory: each would bring other witnesses otherwise. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  choose<Other extends Supernode>(others: readonly Other[], entry: SupernodeEntry, nowMs: number): Other[] {
    const ordered = apart(this.#shuffle(others, entry, nowMs), new Set(networksOf(entry)));
    const families = [false, true].filter((isV6) => entry.udp.some((address) => isV6 === isIPv6(address)));
    const able = families.flatMap((isV6) =>
      ordered
        .filter((other) => other.entry.udp.some((address) => isV6 === isIPv6(address)))
        .slice(0, NEEDED_CONFIRMATIONS),
    );
    return [...new Set([...able, ...ordered])].slice(0, MAX_WITNESSES);
  }

  #shuffle<Other extends Supernode>(others: readonly Other[], entry: SupernodeEntry, nowMs: number): Other[] {
    const about = `${Math.floor(nowMs / WINDOW_MS)} ${networksOf(entry).sort().join(' ')}`;
    const place = ({ keyId }: Supernode) =>
      createHmac('sha256', this.#secret).update(`${about} ${keyId}`).digest('hex');
    const placed = others.map((other) => ({ other, place: place(other) }));
    return placed.sort((a, b) => (a.place < b.place ? -1 : 1)).map(({ other }) => other);
  }
}

/** Those of networks that were not there before come first, in the order that they have. */
function apart<Other extends Supernode>(others: readonly Other[], taken: ReadonlySet<string>): Other[] {
  const seen = new Set(taken);
  const [first, later]: [Other[], Other[]] = [[], []];
  for (const other of others) {
    const networks = networksOf(other.entry);
    (networks.some((network) => seen.has(network)) ? later : first).push(other);
    for (const network of networks) seen.add(network);
  }
  const isNear = ({ entry }: Supernode) => networksOf(entry).some((network) => taken.has(network));
  return [...first, ...later.filter((other) => !isNear(other)), ...later.filter(isNear)];
}

const networksOf = ({ udp }: SupernodeEntry): string[] => [
  ...new Set(
    udp.map((address) =>
      addressPrefix(address.replace(/:\d+$/, '').replace(/[[\]]/g, ''), { ipv4Bits: 24, ipv6Bits: 48 }),
    ),
  ),
];
const isIPv6 = (address: string) => address.startsWith('[');
