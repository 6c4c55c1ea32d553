import type { SupernodeEntry } from '@overcall/identity';
import { type ClockReading, directoryClock, monotonicMs, secureRandom, trustOf } from '@overcall/net';
import { CarriedCalls } from '@overcall/overlay';
import type { AddressPort } from '@overcall/traversal';
import type { Logger } from 'pino';
import type { TrustContext } from './control-driver.ts';
import type { DataFiles } from './data-files.ts';
import { DialBack } from './dial-back/dial-back.ts';
import type { Reachability } from './dial-back/reachability.ts';
import { DirectoryLink, type KnownList, type ListUse } from './directory-link.ts';
import type { SupernodeOptions } from './options.ts';
import type { OwnIdentity } from './own-identity.ts';
import { whyNotReady } from './readiness.ts';
import type { Relaying } from './relaying.ts';
import { ClockWatch } from './self-test/clock-watch.ts';
import type { OwnFacts } from './status-report/coarse-report.ts';
import { StatusReporter } from './status-report/status-reporter.ts';

export interface StandingOptions {
  identity: OwnIdentity;
  files: DataFiles;
  options: SupernodeOptions;
  relaying: Relaying;
  /** It drains, or closes. */
  isLeaving(): boolean;
  onList(use: ListUse, list: KnownList): void;
  /** For the status page of the directory. */
  facts(): Pick<OwnFacts, 'draining' | 'load' | 'neighbours'>;
  log: Logger;
}

/**
 * Where a supernode stands with others: the directory has it in the list, other supernodes reach it, its clock is right. What it
 * is ready by, and what the status page tells of it.
 */
export class Standing {
  readonly dialBack: DialBack;
  readonly clock: ClockWatch;
  /** Null before {@link start}, as `reach`. */
  link: DirectoryLink | null = null;
  reach: Reachability | null = null;
  readonly #options: StandingOptions;
  readonly #reporter: StatusReporter;
  readonly #ready = Promise.withResolvers<void>();

  constructor(options: StandingOptions) {
    this.#options = options;
    const { identity, log } = options;
    const onChange = () => this.#resolveIfReady();
    this.dialBack = new DialBack({
      key: identity.key,
      id: identity.id,
      allowNets: options.options.allowNets,
      link: () => this.link,
      onChange,
      random: secureRandom,
      log,
    });
    this.clock = new ClockWatch({ read: () => this.#readClock(), onChange, random: secureRandom, log });
    this.#reporter = this.#newReporter(options);
  }

  #newReporter({ identity, relaying, facts, log }: StandingOptions): StatusReporter {
    const carried = new CarriedCalls(relaying.table);
    return new StatusReporter({
      key: identity.key,
      id: identity.id,
      directory: () => (this.link?.isListed && this.link.isReachable ? this.link.pinned : null),
      look: () => carried.look(monotonicMs()),
      facts: () => ({ ...facts(), room: relaying.room, carried: carried.take() }),
      random: secureRandom,
      log,
    });
  }

  /** Its sockets are open, with these addresses, and `entry` says how others reach them. @throws OvercallError */
  async start(entry: SupernodeEntry, own: readonly AddressPort[]): Promise<void> {
    const { identity, files, options, log } = this.#options;
    const { candidate, reach } = this.dialBack.begin(entry, own);
    this.reach = reach;
    this.link = new DirectoryLink({
      files,
      key: identity.key,
      entry,
      directory: options.directory,
      insecureHttp: options.insecureHttp ?? false,
      invite: options.invite,
      dialBack: candidate,
      onReports: (told) => reach.handleReports(told),
      onList: (use) => this.#handleList(use),
      random: secureRandom,
      log,
    });
    await this.link.start();
    reach.start();
    this.clock.start();
    if (options.report !== false) this.#reporter.start();
  }

  #handleList(use: ListUse): void {
    const { onList, log } = this.#options;
    onList(use, this.link!.knownList!);
    this.#resolveIfReady();
    const { version, isListed } = use;
    if (isListed) log.info({ version }, 'supernode list');
    else log.warn({ version }, 'the supernode list does not name this supernode: it takes nobody new');
  }

  #readClock(): Promise<ClockReading> {
    const { directory, insecureHttp = false } = this.#options.options;
    const pinned = this.link?.pinned;
    return directoryClock(directory, { insecureHttp, ...(pinned ? { pinnedKey: pinned.key } : {}) });
  }

  /** What signatures are checked by; null until there is a supernode list. */
  get trust(): TrustContext | null {
    const list = this.link?.knownList;
    return list ? { directory: trustOf(this.link!.directory), revokedDevices: list.revokedDevices } : null;
  }

  /** Null when it is ready. */
  get notReady(): string | null {
    return whyNotReady({
      isLeaving: this.#options.isLeaving(),
      link: this.link,
      reach: this.reach?.current ?? null,
      clockTrouble: this.clock.trouble,
    });
  }

  #resolveIfReady(): void {
    if (this.notReady === null) this.#ready.resolve();
  }

  whenReady(): Promise<void> {
    return this.#ready.promise;
  }

  close(): void {
    this.#reporter.close();
    this.link?.close();
    this.reach?.close();
    this.clock.close();
  }
}
