import { errorFields, type Logger } from '@overcall/cli';
import { LoopLoad, monotonicMs } from '@overcall/net';
import { addressPolicy, type DemotionReason, type VolunteerOutput, VolunteerPolicy } from '@overcall/overlay';
import type { Supernode } from 'overcall-supernode';
import type { Home } from '../home.ts';
import type { Profile } from '../profile.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import { readPower } from './power.ts';
import type { ServeOptions } from './serve-options.ts';
import { leave, type ServedOptions, servedFolder, servedId, startServed } from './served-supernode.ts';
import { ServingAddresses } from './serving-addresses.ts';
import { isVolumeUsedUp } from './used-volume.ts';

/** How often the facts are looked at, ms. */
const TICK_MS = 1000;

export interface VolunteerOptions {
  home: Home;
  profile: Profile;
  log: Logger;
  serve: ServeOptions;
  insecureHttp: boolean;
  allowNets: readonly string[];
  /** Of the softphone in this process. */
  softphone: {
    /** Neither rings nor talks. */
    readonly isCalm: boolean;
    readonly attachedTo: readonly string[];
    /** It is not to attach to the supernode that it is itself. */
    avoid(supernodeId: string): void;
  };
  report(event: SoftphoneEvent): void;
  /** For tests. */
  start?: (options: ServedOptions) => Promise<Supernode>;
  cpu?: () => number;
}

/** Carries out what the {@link VolunteerPolicy} says: a supernode in this process, now and then. */
export class Volunteer {
  readonly #options: VolunteerOptions;
  readonly #policy: VolunteerPolicy;
  readonly #addresses: ServingAddresses;
  readonly #ended = Promise.withResolvers<void>();
  #supernode: Supernode | null = null;
  #ownId = '';
  #timer: NodeJS.Timeout | undefined;
  readonly #loop = new LoopLoad();
  #obstacle: string | null = null;

  constructor(options: VolunteerOptions) {
    this.#options = options;
    const { serve, allowNets } = options;
    this.#addresses = new ServingAddresses(serve.serveAddress ?? [], addressPolicy(allowNets));
    const rules = { servesOnBattery: serve.serveOnBattery ?? false, settleMs: serve.serveAfter * 1000 };
    this.#policy = new VolunteerPolicy(rules, Math.random);
  }

  async start(): Promise<void> {
    this.#ownId = await servedId(this.#options.home);
    this.#options.softphone.avoid(this.#ownId);
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    await this.#tick();
  }

  /** Sends everybody elsewhere, leaves the list and stops: a minute at the most, and a bit for the directory. */
  async close(): Promise<void> {
    this.#policy.stop(monotonicMs());
    this.#follow();
    await this.#ended.promise;
    clearInterval(this.#timer);
  }

  async #tick(): Promise<void> {
    const { softphone, serve, home } = this.#options;
    const addresses = await this.#addresses.current();
    const status = this.#supernode?.status();
    this.#policy.handleFacts(
      {
        addresses,
        power: readPower(serve.powerSupplies),
        isAttached: softphone.attachedTo.some((id) => id !== this.#ownId),
        hasOwnCall: !softphone.isCalm,
        cpu: this.#options.cpu?.() ?? this.#loop.share(),
        isVolumeUsedUp:
          status === undefined
            ? isVolumeUsedUp(servedFolder(home), serve.serveMaxGbMonth)
            : status.monthBytes >= (status.maxMonthBytes ?? Number.POSITIVE_INFINITY),
        isUnreached: status?.reach === 'unreached',
      },
      monotonicMs(),
    );
    this.#tellObstacle();
    this.#follow();
  }

  #tellObstacle(): void {
    const obstacle = this.#policy.state === 'waiting' ? this.#policy.obstacle : null;
    if (obstacle !== this.#obstacle && obstacle !== null) this.#report('waiting', { reason: obstacle });
    this.#obstacle = obstacle;
  }

  #follow(): void {
    for (const output of this.#policy.poll()) this.#carryOut(output);
    if (this.#policy.state === 'stopped') this.#ended.resolve();
  }

  #carryOut(output: VolunteerOutput): void {
    if (output.type === 'promote') void this.#promote(output.addresses);
    else if (output.type === 'drain') this.#drain(output.reason);
    else void this.#depart(output.reason);
  }

  async #promote(addresses: readonly string[]): Promise<void> {
    const {
      home,
      profile,
      log,
      serve,
      insecureHttp,
      allowNets,
      softphone,
      start = startServed,
    } = this.#options;
    this.#report('testing', { addresses });
    try {
      const supernode = await start({
        ...{ home, profile, log, serve, insecureHttp, allowNets, addresses },
        isHeldBack: () => !softphone.isCalm,
        onTested: ({ checks, capacity }) => this.#report('tested', { ...capacity, checks }),
      });
      this.#supernode = supernode;
      const { name, publicUdp, publicControl } = supernode.status();
      this.#report('serving', { supernode: name, id: supernode.id, udp: publicUdp, control: publicControl });
      this.#policy.handlePromoted(monotonicMs());
    } catch (error) {
      this.#report('refused', errorFields(error));
      this.#policy.handleFailed(monotonicMs());
    }
    this.#follow();
  }

  #drain(reason: DemotionReason): void {
    const supernode = this.#supernode!;
    const { calls, attached } = supernode.status();
    this.#report('draining', { reason, calls, attached });
    supernode.drain();
    void supernode.whenDrained().then(() => {
      this.#policy.handleDrained();
      this.#follow();
    });
  }

  async #depart(reason: DemotionReason): Promise<void> {
    const supernode = this.#supernode!;
    this.#supernode = null;
    const { calls, forwardedBytes } = supernode.status();
    await leave(supernode, this.#options.log);
    // Calls that were still there had no other way, or had it already.
    this.#report('demoted', { reason, callsLeft: calls, relayedBytes: forwardedBytes });
    this.#policy.handleDeparted(monotonicMs());
    this.#follow();
  }

  #report(state: string, fields: Record<string, unknown>): void {
    this.#options.report({ event: 'serve', state, ...fields });
  }
}
