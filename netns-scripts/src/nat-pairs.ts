import type { LabSpec, NatSpec } from './spec.ts';

/** RFC 4787 words for a NAT's behaviour. */
export type NatKind = Omit<NatSpec, 'name' | 'address' | 'inside' | 'behind'>;

const MAPPINGS = ['eim', 'adm', 'apdm'] as const;
const FILTERINGS = ['eif', 'adf', 'apdf'] as const;

/** `eim-eif` to `apdm-apdf`. */
export const NAT_KIND_NAMES: readonly string[] = MAPPINGS.flatMap((mapping) =>
  FILTERINGS.map((filtering) => `${mapping}-${filtering}`),
);

/** The kind with such a name. One that maps each destination anew gives random ports, as those in the field do. */
export function natKindNamed(name: string): NatKind | null {
  if (!NAT_KIND_NAMES.includes(name)) return null;
  const [mapping, filtering] = name.split('-') as [NatSpec['mapping'], NatSpec['filtering']];
  return { mapping, filtering, ports: mapping === 'eim' ? 'preserve' : 'random' };
}

/**
 * Whether two hosts behind such NATs can reach each other without guessing ports, when each knows the outside
 * endpoint that a server saw of the other: a packet from one must be let in at that endpoint of the other.
 */
export function canPunch(a: NatKind, b: NatKind): boolean {
  return reaches(a, b) || reaches(b, a);
}

function reaches(from: NatKind, to: NatKind): boolean {
  if (to.filtering === 'eif') return true;
  // It must have sent from that endpoint to where the packet comes from, not from another one.
  if (to.mapping !== 'eim') return false;
  return to.filtering === 'adf' || from.mapping === 'eim';
}

/** Alice and bob behind a NAT each; a directory and two supernodes that both can reach. Direct packets pass. */
export function pairScenario(aliceKind: string, bobKind: string): LabSpec | null {
  const [alice, bob] = [natKindNamed(aliceKind), natKindNamed(bobKind)];
  if (!alice || !bob) return null;
  const path = canPunch(alice, bob) ? 'direct' : 'relay';
  return {
    name: `pair:${aliceKind},${bobKind}`,
    about: `alice behind ${aliceKind}, bob behind ${bobKind}: ${path}`,
    hosts: [
      { name: 'directory', address: '203.0.113.10' },
      { name: 'supernode', address: '203.0.113.20' },
      { name: 'supernode-b', address: '203.0.113.30' },
      { name: 'alice', address: '192.168.1.10', behind: 'nat-a' },
      { name: 'bob', address: '10.0.0.10', behind: 'nat-b' },
    ],
    nats: [
      { name: 'nat-a', address: '198.51.100.1', inside: '192.168.1.0/24', ...alice },
      { name: 'nat-b', address: '198.51.100.2', inside: '10.0.0.0/24', ...bob },
    ],
    call: { from: 'alice', to: 'bob' },
    expect: [{ between: ['alice', 'bob'], path }],
  };
}
