import { keyIdOf, type ListedSupernode } from '@overcall/identity';
import type { ListedNode } from '@overcall/overlay';
import { parseAddressPort } from '@overcall/traversal';

/** What the overlay needs of each supernode of a list; addresses that are none are left out. */
export function listedNodes(supernodes: readonly ListedSupernode[]): Promise<ListedNode[]> {
  return Promise.all(
    supernodes.map(async ({ key, udp, since }) => ({
      id: await keyIdOf(key),
      udp: udp.map(parseAddressPort).filter((address) => address !== null),
      ...(since === undefined ? {} : { since }),
    })),
  );
}
