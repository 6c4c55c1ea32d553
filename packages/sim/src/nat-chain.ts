import type { NatKind } from './scenario.ts';

/** A block of at most this size can be probed, or used up, within the 256 sockets of a spray. */
const SMALL_BLOCK = 256;

/** What of several NATs behind each other counts for whoever wants in, from the host outwards. */
export interface ChainView {
  layers: readonly NatKind[];
  /** All flows of a socket have the port that a server sees. */
  independent: boolean;
  /** All flows of a socket to one address share a port. */
  onePortPerAddress: boolean;
  /** No layer asks for the port of a contacted address. */
  letsAddressIn: boolean;
}

export function viewOf(layers: readonly NatKind[]): ChainView {
  return {
    layers,
    independent: layers.every(({ mapping }) => mapping === 'eim'),
    onePortPerAddress: layers.every(({ mapping }) => mapping !== 'apdm'),
    letsAddressIn: layers.every(({ filtering }) => filtering !== 'apdf'),
  };
}

/**
 * Whether a packet reaches the endpoint that a server saw of `to`, and the answer comes back. Either `to` lets everyone
 * in: then it keeps silent until it hears something, and answers from where it was reached. Or both send.
 */
export function reaches(from: ChainView, to: ChainView): boolean {
  if (to.layers.every(({ filtering }) => filtering === 'eif')) return true;
  return isLetIn(from, to) && answersPass(from, to);
}

/**
 * Each layer must let it in through the port made towards the server. A layer that asks for contact has seen some at
 * that port only if nothing up to it maps by destination; if it asks for the port of the sender, too, that one
 * must be the one known.
 */
function isLetIn(from: ChainView, to: ChainView): boolean {
  let samePort = true;
  return to.layers.every(({ mapping, filtering }) => {
    samePort &&= mapping === 'eim';
    return filtering === 'eif' || (samePort && (filtering === 'adf' || from.independent));
  });
}

/** What `to` has sent before may have made it another port towards `from`, which the answers then have. */
function answersPass(from: ChainView, to: ChainView): boolean {
  if (to.independent || from.letsAddressIn) return true;
  return !from.independent && to.layers.every(({ mapping }) => mapping !== 'adm');
}

/**
 * How well the outside port of a fresh socket's first flow can be told beforehand. Each layer either keeps the port that
 * comes from further in or gives one of its own; `block`: any of a few.
 */
export function portsTowards(view: ChainView): 'known' | 'foretold' | 'block' | 'random' {
  if (view.independent) return 'known'; // a server has seen it
  const own = view.layers.map(({ ports = 'preserve' }) => ports).findLast((ports) => ports !== 'preserve');
  if (own === undefined || own === 'sequential') return 'foretold';
  if (typeof own === 'string') return 'random';
  if ('sequential' in own) return 'foretold';
  return own.block <= SMALL_BLOCK ? 'block' : 'random';
}
