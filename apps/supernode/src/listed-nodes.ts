import type { KeyId, ListedSupernode, SupernodeEntry } from '@overcall/identity';
import type { ListedNode } from '@overcall/overlay';
import { parseAddressPort } from '@overcall/traversal';

/** What the overlay needs of each supernode of a list; addresses that are none are left out. `ids` has their key ids in the same order. */
export function listedNodes(supernodes: readonly ListedSupernode[], ids: readonly KeyId[]): ListedNode[] {
  return supernodes.map(({ udp, since }, i) => ({
    id: ids[i]!,
    udp: udp.map(parseAddressPort).filter((address) => address !== null),
    ...(since === undefined ? {} : { since }),
  }));
}

/** IP addresses of these supernodes. */
export function hostsOf(supernodes: readonly Pick<SupernodeEntry, 'udp' | 'control'>[]): Set<string> {
  const addresses = supernodes.flatMap(({ udp, control }) => [...udp, ...control]).map(parseAddressPort);
  return new Set(addresses.flatMap((parsed) => (parsed === null ? [] : [parsed.address])));
}
