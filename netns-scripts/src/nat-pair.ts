import type { NatKind } from './nat-pairs.ts';
import type { LabSpec } from './spec.ts';

/** The kinds by their older names (RFC 3489), for speaking about them. */
export const NAT_KINDS = {
  fullCone: { mapping: 'eim', filtering: 'eif' },
  restrictedCone: { mapping: 'eim', filtering: 'adf' },
  portRestrictedCone: { mapping: 'eim', filtering: 'apdf' },
  symmetric: { mapping: 'apdm', filtering: 'apdf', ports: 'random' },
} as const satisfies Record<string, NatKind>;

/**
 * Alice and bob behind a NAT each; a directory and a supernode that both can reach. Nothing passes directly
 * between the two NATs unless `direct` says so.
 */
export function natPair(
  alice: NatKind = NAT_KINDS.portRestrictedCone,
  bob: NatKind = NAT_KINDS.portRestrictedCone,
  { direct = false } = {},
): LabSpec {
  return {
    hosts: [
      { name: 'directory', address: '203.0.113.10' },
      { name: 'supernode', address: '203.0.113.20' },
      { name: 'alice', address: '192.168.1.10', behind: 'nat-a' },
      { name: 'bob', address: '10.0.0.10', behind: 'nat-b' },
    ],
    nats: [
      { name: 'nat-a', address: '198.51.100.1', inside: '192.168.1.0/24', ...alice },
      { name: 'nat-b', address: '198.51.100.2', inside: '10.0.0.0/24', ...bob },
    ],
    drop: direct
      ? []
      : [
          { from: 'nat-a', to: 'nat-b' },
          { from: 'nat-b', to: 'nat-a' },
        ],
  };
}
