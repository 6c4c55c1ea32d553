import type { KeyId, ListedSupernode } from '@overcall/identity';
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
