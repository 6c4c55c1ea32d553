import type { FilteringBehaviour, MappingBehaviour, PortAllocation } from '../nat-behaviour.ts';

/** What follows from observations (RFC 5780, section 4). */

/** How one socket looked to a server's endpoint; `ip:port` each. */
export interface Seen {
  server: string;
  mapped: string;
}

export const hostOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':'));
export const portOf = (endpoint: string): number => Number(endpoint.slice(endpoint.lastIndexOf(':') + 1));

/** @param own every `ip:port` that the socket has by itself */
export function mappingOf(seen: readonly Seen[], own: readonly string[]): MappingBehaviour {
  if (seen.length > 0 && seen.every(({ mapped }) => own.includes(mapped))) return 'none';
  const pairs = seen.flatMap((a, index) => seen.slice(index + 1).map((b) => [a, b] as const));
  const differs = ([a, b]: readonly [Seen, Seen]) => a.mapped !== b.mapped;
  const sameHost = pairs.filter(([a, b]) => hostOf(a.server) === hostOf(b.server));
  const otherHost = pairs.filter(([a, b]) => hostOf(a.server) !== hostOf(b.server));
  if (sameHost.some(differs)) return 'apdm';
  if (otherHost.length === 0) return 'unknown';
  if (!otherHost.some(differs)) return 'eim';
  return sameHost.length > 0 ? 'adm' : 'unknown';
}

/** Whether what came from a port, and from an address, that was never sent to got in; null: not known. */
export interface LetIn {
  otherPort: boolean | null;
  otherAddress: boolean | null;
}

export function filteringOf({ otherPort, otherAddress }: LetIn): FilteringBehaviour {
  if (otherAddress === true) return 'eif';
  if (otherPort === false) return 'apdf';
  return otherPort === true && otherAddress === false ? 'adf' : 'unknown';
}

/** More apart than any block that carriers give a subscriber, closer together than random ports ever are. */
const WIDEST_BLOCK = 2048;
/** Fewer ports than that look like anything by chance. */
const LEAST_SAMPLES = 4;
/** Others use the NAT, too: ports that grow, but not evenly, are a sequence as long as they stay this close. */
const WIDEST_UNEVEN = 512;
const LEAST_UNEVEN_SAMPLES = 7;

/**
 * @param fresh ports of new sockets, in the order in which they first sent; null where there was no answer
 * @param others outside ports of further mappings of this host
 */
export function portsOf(
  fresh: readonly { inside: number; outside: number | null }[],
  others: readonly number[],
): PortAllocation {
  const known = fresh.filter((one): one is { inside: number; outside: number } => one.outside !== null);
  const kept = known.filter(({ inside, outside }) => inside === outside);
  if (kept.length >= 2 && kept.length * 2 > known.length) return { kind: 'preserved' };
  if (known.length < LEAST_SAMPLES) return { kind: 'unknown' };
  const step = stepOf(known.map(({ outside }) => outside));
  if (step !== null) return { kind: 'sequential', step };
  const all = [...known.map(({ outside }) => outside), ...others];
  const [first, last] = [Math.min(...all), Math.max(...all)];
  return { kind: last - first < WIDEST_BLOCK ? 'block' : 'random', first, last };
}

/** By how much each port is above the one before; null when they are no sequence. Packets may have overtaken each other. */
function stepOf(ports: readonly number[]): number | null {
  const sorted = [...ports].sort((a, b) => a - b);
  const gaps = differences(sorted);
  const step = Math.min(...gaps);
  if (step === 0) return null;
  const inOrder = differences(ports);
  const rises = inOrder.filter((difference) => difference > 0).length;
  const direction = rises * 2 >= inOrder.length ? 1 : -1;
  // A request that was lost on this side of the NAT, or somebody else's, leaves one larger gap.
  const even = gaps.filter((gap) => gap === step).length;
  if (even >= gaps.length - 1 && gaps.every((gap) => gap % step === 0 && gap <= 8 * step))
    return direction * step;
  const isMonotonic = inOrder.every((difference) => difference * direction > 0);
  const spread = sorted.at(-1)! - sorted[0]!;
  if (isMonotonic && ports.length >= LEAST_UNEVEN_SAMPLES && spread < WIDEST_UNEVEN) return direction * step;
  return null;
}

const differences = (numbers: readonly number[]): number[] =>
  numbers.slice(1).map((number, index) => number - numbers[index]!);
