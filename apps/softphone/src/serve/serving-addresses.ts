import { networkInterfaces } from 'node:os';
import { addressTowardsInternet } from '@overcall/net';
import type { AddressPolicy } from '@overcall/overlay';

/**
 * The addresses by which this host can be reached, as they are now. Those that were given are there as long as they are on an
 * interface; one that never was belongs to a router that passes ports on, and is taken as it is. Without any, it is the address towards
 * the Internet if that is public. IPv6 has to be given: at home a firewall is in front of it, as a rule.
 */
export class ServingAddresses {
  readonly #given: readonly string[];
  readonly #mayBeReached: AddressPolicy;
  readonly #wereHere = new Set<string>();

  constructor(given: readonly string[], mayBeReached: AddressPolicy) {
    this.#given = given;
    this.#mayBeReached = mayBeReached;
  }

  async current(here = addressesHere()): Promise<string[]> {
    if (this.#given.length === 0) {
      const address = await addressTowardsInternet('ipv4');
      return address !== null && this.#mayBeReached(address) ? [address] : [];
    }
    for (const address of this.#given) if (here.has(address)) this.#wereHere.add(address);
    return this.#given.filter((address) => here.has(address) || !this.#wereHere.has(address));
  }
}

const addressesHere = (): Set<string> =>
  new Set(Object.values(networkInterfaces()).flatMap((own) => (own ?? []).map(({ address }) => address)));
