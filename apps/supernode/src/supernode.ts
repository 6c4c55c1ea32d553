import { randomBytes } from 'node:crypto';
import {
  canonicalUsername,
  type KeyId,
  keyIdOf,
  publicKeyOf,
  type SigningPrivateKey,
  type SupernodeEntry,
} from '@overcall/identity';
import {
  batchTrouble,
  type ClockReading,
  directoryClock,
  hmacSha256,
  loadOrCreateTls,
  monotonicMs,
  secureRandom,
  type TlsIdentity,
  trustOf,
} from '@overcall/net';
import {
  addressPolicy,
  CarriedCalls,
  CONTROL_VERSIONS,
  ControlPlane,
  DEFAULT_CONTROL_LIMITS,
  HopNeighbours,
  neighbourRate,
  type RelayLimits,
  RelayTable,
  type RelayTicket,
} from '@overcall/overlay';
import { formatAddressPort } from '@overcall/traversal';
import { type Logger, pino } from 'pino';
import { startAdmin } from './admin.ts';
import { ControlDriver } from './control-driver.ts';
import { DataFiles } from './data-files.ts';
import { DialBack } from './dial-back/dial-back.ts';
import type { Reachability } from './dial-back/reachability.ts';
import { DirectoryLink, type ListUse } from './directory-link.ts';
import { publicAddresses } from './listen-addresses.ts';
import { LoadMeter } from './load-meter.ts';
import { maxOpenFiles, openFilesTrouble } from './open-files.ts';
import { ChangingAccess, monthLimitBytes, type OperatorRules } from './operator-rules.ts';
import type { Supernode, SupernodeOptions, SupernodeStatus } from './options.ts';
import { OverlayDriver } from './overlay-driver.ts';
import { ProbeVouchers } from './probe-vouchers.ts';
import { whyNotReady } from './readiness.ts';
import { bytesRate, mbpsOf, relayLimits, softphonePolicy, UNTESTED } from './relay-options.ts';
import { ClockWatch } from './self-test/clock-watch.ts';
import { type OpenedSockets, openSockets } from './sockets.ts';
import { startStun } from './start-stun.ts';
import { callsWithin } from './status-report/coarse-report.ts';
import { StatusReporter } from './status-report/status-reporter.ts';
import { supernodeStatus } from './supernode-status.ts';
import { UdpDriver } from './udp-driver.ts';
import { VolumeKeeper } from './volume-keeper.ts';

const DRAIN_CHECK_MS = 500;
/** As loaded as it can be without asking anybody to go. */
const HELD_BACK_LOAD = 0.9;

/**
 * Starts a supernode: opens its sockets, registers it with the directory and serves until `close`. Rejects, with
 * everything closed again, when a socket cannot be opened or the directory refuses.
 */
export async function startSupernode(options: SupernodeOptions): Promise<Supernode> {
  const files = new DataFiles(options.dataDirectory);
  files.lock();
  let supernode: RunningSupernode | undefined;
  try {
    const key = await files.identityKey();
    const tls = await loadOrCreateTls(options.dataDirectory, options.name, []);
    supernode = new RunningSupernode(options, files, key, await keyIdOf(key), tls);
    await supernode.start();
    return supernode;
  } catch (error) {
    await supernode?.close();
    files.unlock();
    throw error;
  }
}

class RunningSupernode implements Supernode {
  readonly id: KeyId;
  udp: string[] = [];
  control: string[] = [];
  admin: string | null = null;
  readonly #options: SupernodeOptions;
  readonly #files: DataFiles;
  readonly #key: SigningPrivateKey;
  readonly #tls: TlsIdentity;
  readonly #log: Logger;
  readonly #startedAtMs = monotonicMs();
  readonly #maxOpenFiles = maxOpenFiles();
  readonly #access: ChangingAccess;
  #limits: RelayLimits;
  readonly #relay: RelayTable<RelayTicket>;
  readonly #neighbours: HopNeighbours;
  readonly #plane: ControlPlane;
  readonly #load: LoadMeter;
  readonly #volume: VolumeKeeper;
  readonly #udpDriver: UdpDriver;
  readonly #controlDriver: ControlDriver;
  readonly #overlay: OverlayDriver;
  readonly #dialBack: DialBack;
  readonly #reporter: StatusReporter;
  readonly #clock: ClockWatch;
  #reach: Reachability | null = null;
  /** Filled once the sockets are open; the control plane hands it out. */
  readonly #publicUdp: string[] = [];
  readonly #publicControl: string[] = [];
  #link: DirectoryLink | null = null;
  #closeAdmin: (() => Promise<void>) | null = null;
  #draining = false;
  #drainTimer: NodeJS.Timeout | undefined;
  readonly #ready = Promise.withResolvers<void>();
  readonly #drained = Promise.withResolvers<void>();
  #closed = false;

  constructor(
    options: SupernodeOptions,
    files: DataFiles,
    key: SigningPrivateKey,
    id: KeyId,
    tls: TlsIdentity,
  ) {
    this.#options = options;
    this.#files = files;
    this.#key = key;
    this.id = id;
    this.#tls = tls;
    this.#log = options.log ?? pino({ level: 'silent' });
    this.#access = new ChangingAccess(options);
    const capacity = options.host?.capacity ?? UNTESTED;
    this.#limits = relayLimits(options, capacity);
    const limits = this.#limits;
    this.#relay = new RelayTable({
      limits,
      crypto: { hmacSha256, randomBytes },
      mayRelayTo: softphonePolicy(options, this.#access),
      hasVolume: () => !this.#volume.isUsedUp && !this.#isHeldBack,
      nowMs: this.#startedAtMs,
    });
    this.#volume = new VolumeKeeper({
      folder: options.dataDirectory,
      limitBytes: monthLimitBytes(options),
      forwardedBytes: () => this.#udpDriver.counts.forwardedBytes,
      log: this.#log,
    });
    this.#load = new LoadMeter(() => ({
      calls: this.#relay.allocations,
      maxCalls: Math.min(this.#limits.maxAllocations, capacity.calls ?? Number.POSITIVE_INFINITY),
      bytes: this.#udpDriver.counts.forwardedBytes,
      maxBytesPerSecond: Math.min(this.#limits.totalBytes.perSecond, bytesRate(capacity.mbps).perSecond),
    }));
    this.#neighbours = new HopNeighbours({
      me: id,
      socketFor: (family) => this.#udpDriver.socketFor(family),
      mayRelayTo: addressPolicy(options.allowNets),
      bytes: neighbourRate(limits.totalBytes),
    });
    this.#plane = new ControlPlane({
      supernode: id,
      udp: this.#publicUdp,
      relay: this.#relay,
      neighbours: this.#neighbours,
      limits: DEFAULT_CONTROL_LIMITS,
      maxAttachments: capacity.softphones,
      isAlive: (supernode) => this.#overlay.links.links.isAlive(supernode),
      load: () => this.#currentLoad,
      versions: CONTROL_VERSIONS,
      randomBytes,
      canonicalName,
      backlogBytes: (connection) => this.#controlDriver.backlogBytes(connection),
    });
    const carried = new CarriedCalls(this.#relay);
    this.#reporter = new StatusReporter({
      key,
      id,
      directory: () => (this.#link?.isListed && this.#link.isReachable ? this.#link.pinned : null),
      look: () => carried.look(monotonicMs()),
      facts: () => ({
        draining: this.#draining,
        load: this.#plane.load,
        room: Math.min(
          callsWithin(this.#limits),
          capacity.calls ?? Number.POSITIVE_INFINITY,
          capacity.softphones,
        ),
        carried: carried.take(),
        neighbours: this.#overlay.neighbours(),
      }),
      random: secureRandom,
      log: this.#log,
    });
    this.#dialBack = new DialBack({
      key,
      id,
      allowNets: options.allowNets,
      link: () => this.#link,
      onChange: () => this.#resolveIfReady(),
      random: secureRandom,
      log: this.#log,
    });
    this.#clock = new ClockWatch({
      read: () => this.#readClock(),
      onChange: () => this.#resolveIfReady(),
      random: secureRandom,
      log: this.#log,
    });
    this.#udpDriver = new UdpDriver(this.#relay, options.udp ?? 'batch', options.taps?.forward, (probe) =>
      this.#dialBack.answer(probe),
    );
    this.#overlay = new OverlayDriver({
      key,
      id,
      mayDial: addressPolicy(options.allowNets),
      families: () => familiesOf(this.#publicUdp),
      sendUdp: (datagram, to) => this.#udpDriver.sendToSupernode(datagram, to),
      onMessage: (from, message) => this.#controlDriver.handleLinkMessage(from, message),
      onFailed: (to, message, code) => this.#controlDriver.handleLinkFailed(to, message, code),
      onMeasurements: (connection, requestId, links) =>
        this.#controlDriver.answerMeasurements(connection, requestId, links),
      onNewerList: async (token) => (await this.#link?.offer(token)) ?? false,
      // It is asked again twice a minute anyway.
      askForList: async () => this.#link?.refresh().catch(() => {}),
      log: this.#log,
    });
    this.#controlDriver = new ControlDriver({
      plane: this.#plane,
      key,
      id,
      trust: () => this.#trust(),
      access: this.#access,
      tap: options.taps?.signal,
      datagrams: this.#udpDriver.streams.server,
      overlay: this.#overlay,
      dialBacks: this.#dialBack.endpoint,
      log: this.#log,
    });
  }

  get #isHeldBack(): boolean {
    return this.#options.isHeldBack?.() ?? false;
  }

  get #currentLoad(): number {
    if (this.#volume.isUsedUp) return 1;
    return this.#isHeldBack ? Math.max(HELD_BACK_LOAD, this.#load.load) : this.#load.load;
  }

  async start(): Promise<void> {
    const trouble = openFilesTrouble(this.#maxOpenFiles);
    if (trouble !== null) this.#log.warn(trouble);
    const sockets = await openSockets(this.#options, this.#udpDriver, this.#controlDriver.server, this.#tls);
    if ((this.#options.udp ?? 'batch') === 'batch') await this.#noteUdp();
    const entry = this.#entry(sockets);
    startStun(this.#udpDriver, sockets, this.#publicUdp, {
      vouchers: new ProbeVouchers(this.#key, this.id, () => this.#link?.knownList ?? null),
      mayProbe: addressPolicy(this.#options.allowNets),
      onAnswer: (datagram) => this.#overlay.handleStunAnswer(datagram),
    });
    this.udp = sockets.udp.map(formatAddressPort);
    this.control = sockets.control.map(formatAddressPort);
    const { candidate, reach } = this.#dialBack.begin(entry, sockets.udp);
    this.#reach = reach;
    const link = new DirectoryLink({
      files: this.#files,
      key: this.#key,
      entry,
      directory: this.#options.directory,
      insecureHttp: this.#options.insecureHttp ?? false,
      invite: this.#options.invite,
      dialBack: candidate,
      onReports: (told) => reach.handleReports(told),
      onList: (list) => this.#handleList(list),
      random: secureRandom,
      log: this.#log,
    });
    this.#link = link;
    await link.start();
    reach.start();
    this.#clock.start();
    if (this.#options.report !== false) this.#reporter.start();
    if (this.#options.admin !== undefined) {
      const admin = await startAdmin(this.#options.admin, this);
      this.#closeAdmin = admin.close;
      this.admin = admin.address;
    }
    const relaying = this.#udpDriver.sockets[0]?.kind;
    this.#log.info({ udp: this.udp, control: this.control, id: this.id, relaying }, 'supernode runs');
  }

  async #noteUdp(): Promise<void> {
    const reason = await batchTrouble();
    if (reason !== null)
      this.#log.warn({ reason }, "datagrams go by Node's own UDP: it relays a third of what batches do");
  }

  #handleList(list: ListUse): void {
    this.#controlDriver.handleList(list);
    this.#overlay.handleList(this.#link!.knownList!);
    this.#resolveIfReady();
    const { version, isListed } = list;
    if (isListed) this.#log.info({ version }, 'supernode list');
    else this.#log.warn({ version }, 'the supernode list does not name this supernode: it takes nobody new');
  }

  #resolveIfReady(): void {
    if (this.#notReady() === null) this.#ready.resolve();
  }

  status(): SupernodeStatus {
    const own = {
      id: this.id,
      notReady: this.#notReady(),
      reach: this.#reach?.current.state ?? ('checking' as const),
      draining: this.#draining,
      uptimeS: Math.round((monotonicMs() - this.#startedAtMs) / 1000),
      maxOpenFiles: this.#maxOpenFiles,
      udp: this.udp,
      control: this.control,
      publicUdp: this.#publicUdp,
      publicControl: this.#publicControl,
      tlsSha256: this.#tls.sha256,
      maxCalls: this.#limits.maxAllocations,
      maxMbps: mbpsOf(this.#limits.totalBytes),
      accessRules: this.#access.counts,
    };
    return supernodeStatus(own, {
      options: this.#options,
      relay: this.#relay,
      plane: this.#plane,
      volume: this.#volume,
      udpDriver: this.#udpDriver,
      controlDriver: this.#controlDriver,
      overlay: this.#overlay,
      dialBack: this.#dialBack,
      clock: this.#clock,
      link: this.#link,
    });
  }

  #readClock(): Promise<ClockReading> {
    const { directory, insecureHttp = false } = this.#options;
    const pinned = this.#link?.pinned;
    return directoryClock(directory, { insecureHttp, ...(pinned ? { pinnedKey: pinned.key } : {}) });
  }

  #notReady(): SupernodeStatus['notReady'] {
    return whyNotReady({
      isLeaving: this.#closed || this.#draining,
      link: this.#link,
      reach: this.#reach?.current ?? null,
      clockTrouble: this.#clock.trouble,
    });
  }

  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#controlDriver.drain();
    this.#log.info({ calls: this.#relay.allocations }, 'draining');
    this.#resolveIfDrained();
    this.#drainTimer = setInterval(() => this.#resolveIfDrained(), DRAIN_CHECK_MS);
  }

  #resolveIfDrained(): void {
    if (this.#relay.allocations === 0 && this.#plane.isEmptied(monotonicMs())) this.#drained.resolve();
  }

  changeRules(rules: OperatorRules): number {
    this.#access.change(rules);
    this.#limits = relayLimits(rules, this.#options.host?.capacity ?? UNTESTED);
    const nowMs = monotonicMs();
    this.#relay.changeLimits(this.#limits, nowMs);
    this.#neighbours.changeBytes(neighbourRate(this.#limits.totalBytes), nowMs);
    this.#volume.limitBytes = monthLimitBytes(rules);
    const { attached } = this.#plane;
    this.#controlDriver.handleAccess();
    return attached - this.#plane.attached;
  }

  async refreshList(): Promise<void> {
    await this.#link?.refresh();
  }

  whenReady(): Promise<void> {
    return this.#ready.promise;
  }

  whenDrained(): Promise<void> {
    return this.#drained.promise;
  }

  async depart(): Promise<void> {
    await this.#link?.depart();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#drainTimer);
    this.#load.close();
    this.#volume.close();
    this.#reporter.close();
    this.#link?.close();
    this.#overlay.close();
    this.#reach?.close();
    this.#clock.close();
    await Promise.all([this.#closeAdmin?.(), this.#controlDriver.close(), this.#udpDriver.close()]);
    this.#files.unlock();
  }

  #trust() {
    const list = this.#link?.knownList;
    return list ? { directory: trustOf(this.#link!.directory), revokedDevices: list.revokedDevices } : null;
  }

  #entry(sockets: OpenedSockets): SupernodeEntry {
    const { publicAddresses: texts, tcpListen, name } = this.#options;
    this.#publicUdp.push(...publicAddresses(texts, sockets.udp, '--listen'));
    this.#publicControl.push(
      ...publicAddresses(texts, sockets.control, tcpListen ? '--tcp-listen' : '--listen'),
    );
    return {
      name,
      key: publicKeyOf(this.#key),
      udp: this.#publicUdp,
      control: this.#publicControl,
      tlsSha256: [this.#tls.sha256],
    };
  }
}

function familiesOf(addresses: readonly string[]): { ipv4: boolean; ipv6: boolean } {
  const isIpv6 = (text: string) => text.startsWith('[');
  return { ipv4: !addresses.every(isIpv6), ipv6: addresses.some(isIpv6) };
}

function canonicalName(name: string): string | null {
  try {
    return canonicalUsername(name);
  } catch {
    return null;
  }
}
