import { canonicalAddress, formatAddressPort, parseAddressPort } from '@overcall/traversal';
import { SimError } from './errors.ts';

/**
 * Inside the simulation an address is a small number and an endpoint is address * 65536 + port: both are keys that
 * a Map finds without touching text. Texts are parsed and made once per world.
 */
export class AddressBook {
  readonly #idByAddress = new Map<string, number>();
  readonly #addresses: string[] = [];
  readonly #endpointByText = new Map<string, number>();
  readonly #textByEndpoint = new Map<number, string>();

  /** @throws SimError `bad-address` */
  idOf(text: string): number {
    const known = this.#idByAddress.get(text);
    if (known !== undefined) return known;
    const address = canonicalAddress(text);
    if (address === null) throw new SimError('bad-address', `"${text}" is no IP address`);
    const id = this.#idByAddress.get(address) ?? this.#addresses.push(address) - 1;
    this.#idByAddress.set(address, id).set(text, id);
    return id;
  }

  addressOf(id: number): string {
    return this.#addresses[id]!;
  }

  isIPv6(id: number): boolean {
    return this.#addresses[id]!.includes(':');
  }

  /** @param text `ip:port` or `[ip]:port` @throws SimError `bad-address` */
  endpoint(text: string): number {
    const known = this.#endpointByText.get(text);
    if (known !== undefined) return known;
    const parsed = parseAddressPort(text);
    if (parsed === null) throw new SimError('bad-address', `"${text}" is not ip:port or [ip]:port`);
    const endpoint = endpointOf(this.idOf(parsed.address), parsed.port);
    this.#endpointByText.set(text, endpoint);
    return endpoint;
  }

  textOf(endpoint: number): string {
    let text = this.#textByEndpoint.get(endpoint);
    if (text === undefined) {
      text = formatAddressPort({ address: this.addressOf(addressIn(endpoint)), port: portIn(endpoint) });
      this.#textByEndpoint.set(endpoint, text);
    }
    return text;
  }
}

export const endpointOf = (addressId: number, port: number): number => addressId * 65_536 + port;
export const addressIn = (endpoint: number): number => Math.floor(endpoint / 65_536);
export const portIn = (endpoint: number): number => endpoint % 65_536;
