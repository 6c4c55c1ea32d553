import type { NatBehaviour, PortAllocation } from '@overcall/traversal';
import { BLOCKS_FIRST } from './nat-ports.ts';
import type { HostNetwork } from './oracle.ts';
import type { NatKind } from './scenario.ts';

/**
 * What a faultless discovery would find out about the NATs in front of a host, together.
 * @param seenPort an outside port of the host: tells which block of ports is its own
 */
export function trueBehaviour({ host, nats, firewalls }: HostNetwork, seenPort: number): NatBehaviour {
  const names = [host.name, ...nats.map(({ name }) => name)];
  const isGuarded = firewalls.some(({ at, kind }) => kind === 'stateful' && names.includes(at));
  const mappings = nats.map(({ mapping }) => mapping);
  const filterings = [...nats.map(({ filtering }) => filtering), ...(isGuarded ? ['apdf' as const] : [])];
  return {
    mapping:
      nats.length === 0
        ? 'none'
        : ((['apdm', 'adm'] as const).find((one) => mappings.includes(one)) ?? 'eim'),
    filtering: (['apdf', 'adf'] as const).find((one) => filterings.includes(one)) ?? 'eif',
    ports: allocationOf(nats, seenPort),
  };
}

/** The outermost NAT that does not preserve ports decides. */
function allocationOf(nats: readonly NatKind[], seenPort: number): PortAllocation {
  const ports = nats.map(({ ports = 'preserve' }) => ports).findLast((one) => one !== 'preserve');
  if (ports === undefined) return { kind: 'preserved' };
  if (ports === 'random') return { kind: 'random' };
  if (ports === 'sequential') return { kind: 'sequential', step: 1 };
  if (typeof ports === 'string') return { kind: 'unknown' };
  if ('sequential' in ports) return { kind: 'sequential', step: ports.sequential };
  const first = seenPort - ((seenPort - BLOCKS_FIRST) % ports.block);
  return { kind: 'block', first, last: first + ports.block - 1 };
}
