import ipaddr from 'ipaddr.js';

/** Which IPv4 address an IPv6-only host has behind its NAT64, where nobody but the NAT sees it. */
export interface HiddenHost {
  address: string;
  address6: string;
}

/** The well-known prefix 64:ff9b::/96 (RFC 6052 section 2.1): the last four bytes are the IPv4 address. */
const PREFIX = Buffer.from('0064ff9b0000000000000000', 'hex');

const bytesOf = (address: string): Buffer => Buffer.from(ipaddr.parse(address).toByteArray());
const key = (address: Buffer): string => address.toString('latin1');

/** Addresses on both sides of one NAT64: a stateless mapping (RFC 6052, RFC 7757). */
export class AddressMap {
  readonly #hiddenByHost = new Map<string, Buffer>();
  readonly #hostByHidden = new Map<string, Buffer>();

  constructor(hosts: readonly HiddenHost[]) {
    for (const host of hosts) {
      const [hidden, address6] = [bytesOf(host.address), bytesOf(host.address6)];
      this.#hiddenByHost.set(key(address6), hidden);
      this.#hostByHidden.set(key(hidden), address6);
    }
  }

  hasHost(address6: Buffer): boolean {
    return this.#hiddenByHost.has(key(address6));
  }

  hasHidden(address: Buffer): boolean {
    return this.#hostByHidden.has(key(address));
  }

  /** Null if it is neither in the prefix nor a host's. */
  ipv4Of(address6: Buffer): Buffer | null {
    if (address6.subarray(0, PREFIX.length).equals(PREFIX)) return address6.subarray(PREFIX.length);
    return this.#hiddenByHost.get(key(address6)) ?? null;
  }

  ipv6Of(address: Buffer): Buffer {
    return this.#hostByHidden.get(key(address)) ?? Buffer.concat([PREFIX, address]);
  }
}
