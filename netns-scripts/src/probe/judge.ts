import type { NatSpec } from '../spec.ts';
import type { Endpoint, Measurement } from './messages.ts';

/** How a NAT behaves, as seen from inside. */
export interface NatBehaviour {
  mapping: NatSpec['mapping'];
  filtering: NatSpec['filtering'];
  /** Of a block, only how far the ports that were seen lie apart. */
  ports: NonNullable<NatSpec['ports']>;
  /** Null where mapping and filtering together forbid what would show it. */
  hairpin: boolean | null;
}

/** What follows from a measurement (RFC 5780 sections 4.3, 4.4 and 4.5). */
export function behaviourOf({ sameSocket, other, passed, fresh, hairpin }: Measurement): NatBehaviour {
  const [first, otherPort, otherAddress] = sameSocket.map(([, port]) => port);
  const mapping = first !== otherPort ? 'apdm' : first === otherAddress ? 'eim' : 'adm';
  const filtering = passed.otherAddress ? 'eif' : passed.otherPort ? 'adf' : 'apdf';
  // Every port that was given, in that order: the more there are, the less looks like a sequence by chance.
  const used = [...sameSocket.map(([, port]) => port), other[1], ...fresh.map(({ outside }) => outside)];
  const allocated = [...new Set(used)];
  const canShow = mapping === 'eim' || filtering === 'eif';
  return {
    mapping,
    filtering,
    ports: portsOf(fresh, allocated),
    hairpin: hairpin || canShow ? hairpin : null,
  };
}

/** How a router treats IPv6, as seen from a host inside. */
export interface Ipv6Behaviour {
  /** The first endpoint outside that was not the host's own; null if there was no translation. */
  translatedTo: Endpoint | null;
  firewall6: 'stateful' | 'open';
}

/** @param address6 the host's own */
export function ipv6BehaviourOf(
  { sameSocket, other, passed, fresh }: Measurement,
  address6: string,
): Ipv6Behaviour {
  const seen = [...sameSocket, other];
  const strange = seen.find(([address]) => address !== address6);
  const moved = fresh.find(({ inside, outside }) => inside !== outside);
  return {
    translatedTo: strange ?? (moved ? [address6, moved.outside] : null),
    firewall6: passed.otherPort || passed.otherAddress ? 'open' : 'stateful',
  };
}

/** What a router does otherwise with IPv6 than its scenario says. */
export function differences6({ firewall6 = 'stateful' }: NatSpec, seen: Ipv6Behaviour): string[] {
  return [
    ...(seen.translatedTo === null ? [] : [`IPv6 is translated, to ${seen.translatedTo.join(' port ')}`]),
    ...(seen.firewall6 === firewall6 ? [] : [`IPv6 firewall is ${seen.firewall6}, not ${firewall6}`]),
  ];
}

/** More apart than any block, closer together than random ports ever are. */
const WIDEST_BLOCK = 1024;

function portsOf(fresh: Measurement['fresh'], allocated: readonly number[]): NatBehaviour['ports'] {
  if (fresh.every(({ inside, outside }) => inside === outside)) return 'preserve';
  const steps = new Set(allocated.slice(1).map((port, index) => port - allocated[index]!));
  const [step = 0] = steps;
  if (steps.size === 1 && step > 0) return step === 1 ? 'sequential' : { sequential: step };
  const spread = Math.max(...allocated) - Math.min(...allocated) + 1;
  return spread <= WIDEST_BLOCK ? { block: spread } : 'random';
}

/** What a NAT does otherwise than its scenario says; nothing if it does as claimed. */
export function differences(claim: NatSpec, seen: NatBehaviour): string[] {
  const found: string[] = [];
  const compare = (what: string, claimed: unknown, measured: unknown, same = claimed === measured) => {
    if (!same) found.push(`${what} is ${inWords(measured)}, not ${inWords(claimed)}`);
  };
  compare('mapping', claim.mapping, seen.mapping);
  compare('filtering', claim.filtering, seen.filtering);
  const { ports = 'preserve', hairpin = false } = claim;
  compare('port allocation', ports, seen.ports, samePorts(ports, seen.ports));
  if (seen.hairpin !== null) compare('hairpin', hairpin, seen.hairpin);
  return found;
}

function samePorts(claimed: NatBehaviour['ports'], seen: NatBehaviour['ports']): boolean {
  if (typeof claimed === 'object' && 'block' in claimed)
    return typeof seen === 'object' && 'block' in seen && seen.block <= claimed.block;
  const step = (ports: NatBehaviour['ports']) => (ports === 'sequential' ? { sequential: 1 } : ports);
  return JSON.stringify(step(claimed)) === JSON.stringify(step(seen));
}

const inWords = (value: unknown): string =>
  typeof value === 'object'
    ? JSON.stringify(value)
    : typeof value === 'boolean'
      ? value
        ? 'on'
        : 'off'
      : String(value);
