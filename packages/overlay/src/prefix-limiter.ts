import ipaddr from 'ipaddr.js';
import { type Rate, TokenBucket } from './token-bucket.ts';

/** Prefixes remembered at most; beyond it the oldest is forgotten, and the limit in all still holds. */
const MAX_PREFIXES = 4096;

/** /24 of an IPv4 and /56 of an IPv6 address (what one customer has): whom a rate limit is counted against. */
export function sourcePrefix(address: string): string {
  if (!address.includes(':')) return address.slice(0, address.lastIndexOf('.'));
  const parsed = ipaddr.process(address);
  // A socket for both families shows IPv4 addresses as ::ffff:a.b.c.d: they are not one network.
  if (parsed.kind() === 'ipv4') return sourcePrefix(parsed.toString());
  const bytes = parsed.toByteArray().slice(0, 7);
  return bytes.map((byte) => byte.toString(16)).join(':');
}

/** A rate limit for each source prefix and one in all: for answers to senders that have proven nothing. */
export class PrefixLimiter {
  readonly #perPrefix: Rate;
  readonly #all: TokenBucket;
  readonly #byPrefix = new Map<string, TokenBucket>();

  constructor(limits: { perPrefix: Rate; all: Rate }, nowMs: number) {
    this.#perPrefix = limits.perPrefix;
    this.#all = new TokenBucket(limits.all, nowMs);
  }

  take(address: string, nowMs: number): boolean {
    const prefix = sourcePrefix(address);
    let bucket = this.#byPrefix.get(prefix);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#perPrefix, nowMs);
      if (this.#byPrefix.size >= MAX_PREFIXES) this.#byPrefix.delete(this.#byPrefix.keys().next().value!);
      this.#byPrefix.set(prefix, bucket);
    }
    return bucket.take(nowMs) && this.#all.take(nowMs);
  }
}
