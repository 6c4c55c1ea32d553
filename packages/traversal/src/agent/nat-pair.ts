import type { NatBehaviour } from '../nat-behaviour.ts';

/**
 * What a pair of NATs asks of both sides beyond ordinary checks, told from what is known of the two. Both sides come
 * to plans that fit each other, because both know the same. See docs/paths.md for the table.
 */
export interface GuessPlan {
  /** We open fresh sockets, foretell their outside ports and tell the peer. */
  foretells: boolean;
  /** The peer does. */
  awaits: boolean;
  /** A birthday spray: who opens many ports, and who probes for them. */
  spray: SprayRole | null;
  /** {@link SECOND_TRY}. */
  anew?: true;
}

/**
 * Ordinary checks should meet and have not: a NAT has been spoilt by a check that came too early, as when an opening was
 * lost, or was turned around by a carrier and arrived. One more socket on either side has a clean slate.
 */
export const SECOND_TRY: GuessPlan = { foretells: false, awaits: false, spray: null, anew: true };

/** `both`: each side opens ports towards ports by chance, which only small blocks make worth while. */
export type SprayRole = 'open' | 'probe' | 'both';

/** Two sides whose ports come by chance from blocks that are no larger meet often enough to try. */
const SMALL_BLOCK_PORTS = 256;

/** Filtering that is not known counts as the strictest: plain checks have been tried by then. */
const letsAddressIn = ({ filtering }: NatBehaviour): boolean => filtering === 'eif' || filtering === 'adf';
export const isFixed = ({ mapping }: NatBehaviour): boolean => mapping === 'none' || mapping === 'eim';
const hasOnePortPerAddress = ({ mapping }: NatBehaviour): boolean => mapping !== 'apdm';
const isForetold = ({ ports }: NatBehaviour): boolean =>
  ports.kind === 'preserved' || ports.kind === 'sequential';
const isSmallBlock = ({ ports }: NatBehaviour): boolean =>
  ports.kind === 'block' && ports.last - ports.first < SMALL_BLOCK_PORTS;

/** Whether ordinary checks by `from` reach the address that servers see of `to`, and answers come back. */
const reaches = (from: NatBehaviour, to: NatBehaviour): boolean =>
  to.filtering === 'eif' || (isFixed(to) && (letsAddressIn(to) || isFixed(from)));

/** Whether ordinary checks meet; null when too little is known. */
export function meetsPlainly(a: NatBehaviour, b: NatBehaviour): boolean | null {
  if (a.mapping === 'unknown' || b.mapping === 'unknown') return null;
  return reaches(a, b) || reaches(b, a);
}

/**
 * A probe gets in where its source is foreseen: always the same port, or any port of the address. The answer goes back
 * the way that the probe came: nothing has been sent to its source before.
 */
function canSpray(opener: NatBehaviour, prober: NatBehaviour): boolean {
  if (isFixed(opener) || isForetold(opener)) return false;
  if (isFixed(prober) || (isForetold(prober) && hasOnePortPerAddress(prober))) return true;
  return letsAddressIn(opener) && !isExhausted(prober);
}

/** Each probe would take one more port of its block, and soon there are none left, for nothing else either. */
const isExhausted = (prober: NatBehaviour): boolean =>
  !hasOnePortPerAddress(prober) && prober.ports.kind === 'block';

/**
 * @param isFirst true at exactly one of the two sides, to break ties
 * @returns null when nothing needs to be guessed, or nothing can be
 */
export function planFor(own: NatBehaviour, peer: NatBehaviour, isFirst: boolean): GuessPlan | null {
  if (meetsPlainly(own, peer) !== false) return null;
  const foretells = isForetoldFor(own, peer);
  const awaits = isForetoldFor(peer, own);
  if (foretells || awaits) return { foretells, awaits, spray: null };
  const [opens, probes] = [canSpray(own, peer), canSpray(peer, own)];
  if (opens && (isFirst || !probes)) return { foretells: false, awaits: isMoving(peer), spray: 'open' };
  if (probes) return { foretells: isMoving(own), awaits: false, spray: 'probe' };
  if (isSmallBlock(own) && isSmallBlock(peer)) return { foretells: false, awaits: false, spray: 'both' };
  return null;
}

/** Its ports are not those that servers saw, but can be told. */
const isMoving = (nat: NatBehaviour): boolean => !isFixed(nat) && isForetold(nat);

/** Whether the ports of `side` can be foretold, and knowing them is all that the other one needs. */
const isForetoldFor = (side: NatBehaviour, other: NatBehaviour): boolean =>
  isMoving(side) && (isFixed(other) || isForetold(other) || letsAddressIn(side));
