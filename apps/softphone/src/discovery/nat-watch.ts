import type { SupernodeEntry } from '@overcall/identity';
import { localAddresses } from '@overcall/net';
import { type DiscoveryReport, type NatBehaviour, UNKNOWN_NAT } from '@overcall/traversal';
import { type DiscoveryRun, discoveryServers, runDiscovery } from './run-discovery.ts';

export interface NatWatchOptions {
  /** Supernodes that may be asked: those in use first. */
  servers(): readonly SupernodeEntry[];
  /** How many of them are in use. */
  inUse(): number;
  bindAddress: string | undefined;
  /** There is news of the NAT. */
  onReport(report: DiscoveryReport): void;
}

/**
 * Knows how the NAT in front of this machine behaves: discovers it in the background, again when the machine is in
 * another network, and again when more supernodes are in use and the last try left something open.
 */
export class NatWatch {
  readonly #options: NatWatchOptions;
  #run: DiscoveryRun | null = null;
  #isDiscovering = false;
  /** What the last discovery was started with. */
  #circumstances = '';
  #report: DiscoveryReport | null = null;
  #isClosed = false;

  constructor(options: NatWatchOptions) {
    this.#options = options;
  }

  /** Of the network that this machine is in now, as far as known. */
  get nat(): NatBehaviour {
    return this.#report?.nat ?? UNKNOWN_NAT;
  }

  get report(): DiscoveryReport | null {
    return this.#report;
  }

  /** Looks whether there is a reason to discover; returns at once. */
  refresh(): void {
    if (this.#isDiscovering || this.#isClosed) return;
    const network = networkName();
    if (!this.#circumstances.startsWith(`${network} `)) this.#report = null;
    const { nat } = this;
    const isKnown = nat.mapping !== 'unknown' && nat.filtering !== 'unknown';
    const circumstances = isKnown ? this.#circumstances : `${network} ${this.#options.inUse()}`;
    if (circumstances === this.#circumstances) return;
    this.#circumstances = circumstances;
    this.#isDiscovering = true;
    void this.#discover(network);
  }

  async #discover(network: string): Promise<void> {
    const take = (report: DiscoveryReport | null) => {
      if (this.#isClosed || report === null || networkName() !== network) return;
      this.#report = report;
      this.#options.onReport(report);
    };
    const report = await this.#measure(take).catch(() => null);
    this.#isDiscovering = false;
    take(report);
    this.refresh();
  }

  /** Ports can be guessed as soon as mapping is known. */
  async #measure(onMapping: (report: DiscoveryReport) => void): Promise<DiscoveryReport | null> {
    const servers = await discoveryServers(this.#options.servers());
    if (this.#isClosed) return null;
    this.#run = runDiscovery(servers, this.#options.bindAddress, onMapping);
    return this.#run.done;
  }

  close(): void {
    this.#isClosed = true;
    this.#run?.stop();
  }
}

/** Addresses of this machine: others mean another network, and perhaps another NAT. */
const networkName = (): string =>
  localAddresses()
    .map(({ address }) => address)
    .sort()
    .join(',');
