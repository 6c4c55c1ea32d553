import { canonicalAddress } from '@overcall/traversal';
import { PrefixLimiter } from './prefix-limiter.ts';

/** New TLS connections: a handshake costs as much as an attach, and those who are attached come first. */
const EVERYBODY = { perPrefix: { perSecond: 100, burst: 200 }, all: { perSecond: 200, burst: 200 } };

/**
 * Beside that, those that come from the address of a listed supernode: links and dial-backs, a few of each supernode. It
 * is small because in an open network anybody can have a host listed.
 */
const SUPERNODES = { perPrefix: { perSecond: 2, burst: 20 }, all: { perSecond: 20, burst: 60 } };

/** Who may begin a TLS connection: softphones that all come at once do not keep other supernodes out. */
export class ConnectionGate {
  readonly #everybody: PrefixLimiter;
  readonly #supernodes: PrefixLimiter;
  #hosts: ReadonlySet<string> = new Set();

  constructor(nowMs: number) {
    this.#everybody = new PrefixLimiter(EVERYBODY, nowMs);
    this.#supernodes = new PrefixLimiter(SUPERNODES, nowMs);
  }

  /** IP addresses of the supernodes of the newest list, canonical. */
  handleList(hosts: ReadonlySet<string>): void {
    this.#hosts = hosts;
  }

  admit(address: string, nowMs: number): boolean {
    const isSupernode = this.#hosts.has(canonicalAddress(address) ?? '');
    return (isSupernode && this.#supernodes.take(address, nowMs)) || this.#everybody.take(address, nowMs);
  }
}
