import { randomBytes } from 'node:crypto';
import type { KeyId } from '@overcall/identity';
import { hmacSha256, monotonicMs } from '@overcall/net';
import {
  addressPolicy,
  HopNeighbours,
  neighbourRate,
  type RelayLimits,
  RelayTable,
  type RelayTicket,
} from '@overcall/overlay';
import type { Logger } from 'pino';
import { LoadMeter, type Use } from './load-meter.ts';
import { ChangingAccess, monthLimitBytes, type OperatorRules } from './operator-rules.ts';
import type { SupernodeOptions } from './options.ts';
import { bytesRate, relayLimits, softphonePolicy, UNTESTED } from './relay-options.ts';
import type { HostCapacity } from './self-test/host-capacity.ts';
import { callsWithin } from './status-report/coarse-report.ts';
import { UdpDriver } from './udp-driver.ts';
import { VolumeKeeper } from './volume-keeper.ts';

/** As loaded as it can be without asking anybody to go. */
const HELD_BACK_LOAD = 0.9;

export interface RelayingOptions {
  id: KeyId;
  options: SupernodeOptions;
  /** The answer to a probe of a dial-back that came in a datagram. */
  answerDialBack(probe: Uint8Array): Uint8Array | null;
  log: Logger;
}

/** What a supernode forwards: the relay table on its UDP sockets, within limits that its operator may change. */
export class Relaying {
  readonly capacity: HostCapacity;
  readonly access: ChangingAccess;
  readonly table: RelayTable<RelayTicket>;
  readonly neighbours: HopNeighbours;
  readonly volume: VolumeKeeper;
  readonly udpDriver: UdpDriver;
  limits: RelayLimits;
  readonly #load: LoadMeter;
  readonly #isHeldBack: () => boolean;

  constructor({ id, options, answerDialBack, log }: RelayingOptions) {
    this.capacity = options.host?.capacity ?? UNTESTED;
    this.access = new ChangingAccess(options);
    this.limits = relayLimits(options, this.capacity);
    this.#isHeldBack = () => options.isHeldBack?.() ?? false;
    this.table = new RelayTable({
      limits: this.limits,
      crypto: { hmacSha256, randomBytes },
      mayRelayTo: softphonePolicy(options, this.access),
      hasVolume: () => !this.volume.isUsedUp && !this.#isHeldBack(),
      nowMs: monotonicMs(),
    });
    this.neighbours = new HopNeighbours({
      me: id,
      socketFor: (family) => this.udpDriver.socketFor(family),
      mayRelayTo: addressPolicy(options.allowNets),
      bytes: neighbourRate(this.limits.totalBytes),
    });
    this.volume = new VolumeKeeper({
      folder: options.dataDirectory,
      limitBytes: monthLimitBytes(options),
      forwardedBytes: () => this.udpDriver.counts.forwardedBytes,
      log,
    });
    this.udpDriver = new UdpDriver(this.table, options.udp ?? 'batch', options.taps?.forward, answerDialBack);
    this.#load = new LoadMeter(() => this.#use());
  }

  /** What softphones are told, 0 to 1. */
  get load(): number {
    if (this.volume.isUsedUp) return 1;
    return this.#isHeldBack() ? Math.max(HELD_BACK_LOAD, this.#load.load) : this.#load.load;
  }

  /** Calls and softphones that it takes at most, whatever limits them. */
  get room(): number {
    const { calls, softphones } = this.capacity;
    return Math.min(callsWithin(this.limits), calls ?? Number.POSITIVE_INFINITY, softphones);
  }

  #use(): Use {
    const { calls, mbps } = this.capacity;
    return {
      calls: this.table.allocations,
      maxCalls: Math.min(this.limits.maxAllocations, calls ?? Number.POSITIVE_INFINITY),
      bytes: this.udpDriver.counts.forwardedBytes,
      maxBytesPerSecond: Math.min(this.limits.totalBytes.perSecond, bytesRate(mbps).perSecond),
    };
  }

  /** Nothing that is relayed ends. @throws OvercallError `bad-access-rule`, with nothing changed */
  changeRules(rules: OperatorRules): void {
    this.access.change(rules);
    this.limits = relayLimits(rules, this.capacity);
    const nowMs = monotonicMs();
    this.table.changeLimits(this.limits, nowMs);
    this.neighbours.changeBytes(neighbourRate(this.limits.totalBytes), nowMs);
    this.volume.limitBytes = monthLimitBytes(rules);
  }

  async close(): Promise<void> {
    this.#load.close();
    this.volume.close();
    await this.udpDriver.close();
  }
}
