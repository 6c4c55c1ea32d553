import type { Link } from '../links/link-spec.ts';
import { withLinks } from '../links/with-links.ts';
import type { HostSpec, LabSpec, NatSpec } from '../spec.ts';
import type { NamedKind } from './kinds.ts';

export const SUPERNODES = ['supernode', 'supernode-b', 'supernode-c'];

/** Callers' NATs are 192.0.2.1 to 192.0.2.254. */
const CALLER_ADDRESSES = 254;

export const callerOf = (index: number): string => `caller-${index + 1}`;
export const calleeOf = (index: number): string => `callee-${index + 1}`;
export const callerNatOf = (index: number): string => `caller-nat-${index + 1}`;
const calleeNatOf = (index: number): string => `callee-nat-${index + 1}`;

/** How many tries have an address for each caller's NAT, a new one each time. */
export const mostTries = (kinds: number): number => Math.floor(CALLER_ADDRESSES / kinds);

/**
 * The address of a caller's NAT in a try, from 0. With another address it is a stranger to every callee's NAT, so that what
 * those remember of the tries before does not help.
 */
export const callerNatAddress = (index: number, attempt: number, kinds: number): string =>
  `192.0.2.${1 + attempt * kinds + index}`;

/** One network for all cells: behind a NAT of each kind a host that calls, and behind another one that is called. */
export function matrixLab(kinds: readonly NamedKind[], link: Link | null): LabSpec {
  const hosts: HostSpec[] = [
    { name: 'directory', address: '203.0.113.10' },
    ...SUPERNODES.map((name, index) => ({ name, address: `203.0.113.${20 + 10 * index}` })),
  ];
  const nats: NatSpec[] = [];
  for (const [index, { nat }] of kinds.entries()) {
    const [callers, callees] = [`10.1.${index}`, `10.2.${index}`];
    hosts.push(
      { name: callerOf(index), address: `${callers}.10`, behind: callerNatOf(index) },
      { name: calleeOf(index), address: `${callees}.10`, behind: calleeNatOf(index) },
    );
    nats.push(
      {
        ...nat,
        name: callerNatOf(index),
        address: callerNatAddress(index, 0, kinds.length),
        inside: `${callers}.0/24`,
      },
      { ...nat, name: calleeNatOf(index), address: `198.51.100.${1 + index}`, inside: `${callees}.0/24` },
    );
  }
  const spec: LabSpec = {
    name: 'matrix',
    about: 'a NAT of each kind before callers and callees',
    hosts,
    nats,
  };
  return link === null ? spec : withLinks(spec, link);
}
