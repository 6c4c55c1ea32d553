import { linkPresets } from './links/link-presets.ts';
import type { LabSpec, NatSpec } from './spec.ts';

/** RFC 4787 words for a NAT's behaviour. */
export type NatKind = Pick<NatSpec, 'mapping' | 'filtering' | 'ports'>;

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

export interface Preset {
  about: string;
  spec: LabSpec;
}

const { portRestrictedCone, symmetric, fullCone } = NAT_KINDS;

/** What `npm run lab -- list` shows. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  natPair: {
    about: 'alice and bob behind port-restricted NATs, direct packets dropped: only a relay works',
    spec: natPair(),
  },
  natPairDirect: {
    about: 'alice and bob behind port-restricted NATs, direct packets pass',
    spec: natPair(portRestrictedCone, portRestrictedCone, { direct: true }),
  },
  fullConePair: {
    about: 'alice and bob behind full-cone NATs, direct packets pass',
    spec: natPair(fullCone, fullCone, { direct: true }),
  },
  symmetricPair: {
    about: 'alice and bob behind symmetric NATs with random ports, direct packets pass',
    spec: natPair(symmetric, symmetric, { direct: true }),
  },
  ...linkPresets(natPair()),
};
