import { addressPrefix } from '@overcall/net';
import { isLoopback } from './listen-address.ts';
import { HOUR_MS, RequestLimiter } from './request-limiter.ts';

/** What one network (IPv4 /24, IPv6 /48) may add to the supernode list in an hour. */
export interface GrowthLimits {
  /** New supernodes and changed entries. */
  supernodes: number;
  revocations: number;
}

/**
 * Everybody fetches the list, so what strangers make it grow by is limited by where they come from: keys and user
 * names cost nothing. This host itself is not limited.
 */
export class ListGrowth {
  readonly #supernodes: RequestLimiter;
  readonly #revocations: RequestLimiter;

  constructor({ supernodes, revocations }: GrowthLimits, now: () => number) {
    this.#supernodes = new RequestLimiter(supernodes, HOUR_MS, now);
    this.#revocations = new RequestLimiter(revocations, HOUR_MS, now);
  }

  /** @throws RateLimitedError */
  countSupernode(address: string): void {
    if (!isLoopback(address)) this.#supernodes.count(networkOf(address), 'supernodes from your network');
  }

  /** @throws RateLimitedError */
  countRevocation(address: string): void {
    if (!isLoopback(address)) this.#revocations.count(networkOf(address), 'revocations from your network');
  }
}

function networkOf(address: string): string {
  return addressPrefix(address, { ipv4Bits: 24, ipv6Bits: 48 });
}
