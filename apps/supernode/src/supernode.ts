import { batchTrouble, monotonicMs } from '@overcall/net';
import { addressPolicy } from '@overcall/overlay';
import { formatAddressPort } from '@overcall/traversal';
import { type Logger, pino } from 'pino';
import { startAdmin } from './admin.ts';
import { DataFiles } from './data-files.ts';
import { maxOpenFiles, openFilesTrouble } from './open-files.ts';
import type { OperatorRules } from './operator-rules.ts';
import type { Supernode, SupernodeOptions, SupernodeStatus } from './options.ts';
import { type OwnIdentity, ownEntry, ownIdentity } from './own-identity.ts';
import { ProbeVouchers } from './probe-vouchers.ts';
import { Relaying } from './relaying.ts';
import { Signalling } from './signalling.ts';
import { type OpenedSockets, openSockets } from './sockets.ts';
import { Standing } from './standing.ts';
import { startStun } from './start-stun.ts';
import { supernodeStatus } from './supernode-status.ts';

const DRAIN_CHECK_MS = 500;

/**
 * Starts a supernode: opens its sockets, registers it with the directory and serves until `close`. Rejects, with
 * everything closed again, when a socket cannot be opened or the directory refuses.
 */
export async function startSupernode(options: SupernodeOptions): Promise<Supernode> {
  const files = new DataFiles(options.dataDirectory);
  files.lock();
  let supernode: RunningSupernode | undefined;
  try {
    supernode = new RunningSupernode(options, files, await ownIdentity(files, options.name));
    await supernode.start();
    return supernode;
  } catch (error) {
    await supernode?.close();
    files.unlock();
    throw error;
  }
}

/**
 * The life of a supernode, from its start to its end. What it does meanwhile is in its parts: {@link Relaying},
 * {@link Signalling} and {@link Standing}.
 */
class RunningSupernode implements Supernode {
  readonly id: string;
  udp: string[] = [];
  control: string[] = [];
  admin: string | null = null;
  readonly #options: SupernodeOptions;
  readonly #files: DataFiles;
  readonly #identity: OwnIdentity;
  readonly #log: Logger;
  readonly #startedAtMs = monotonicMs();
  readonly #maxOpenFiles = maxOpenFiles();
  readonly #relaying: Relaying;
  readonly #standing: Standing;
  readonly #signalling: Signalling;
  /** Filled once the sockets are open; the control plane hands it out. */
  readonly #publicUdp: string[] = [];
  #publicControl: string[] = [];
  #closeAdmin: (() => Promise<void>) | null = null;
  #draining = false;
  #drainTimer: NodeJS.Timeout | undefined;
  readonly #drained = Promise.withResolvers<void>();
  #closed = false;

  constructor(options: SupernodeOptions, files: DataFiles, identity: OwnIdentity) {
    this.#options = options;
    this.#files = files;
    this.#identity = identity;
    this.id = identity.id;
    const log = options.log ?? pino({ level: 'silent' });
    this.#log = log;
    const relaying = new Relaying({
      id: identity.id,
      options,
      answerDialBack: (probe) => this.#standing.dialBack.answer(probe),
      log,
    });
    this.#relaying = relaying;
    this.#standing = new Standing({
      ...{ identity, files, options, relaying, log },
      isLeaving: () => this.#closed || this.#draining,
      onList: (use, list) => this.#signalling.handleList(use, list),
      facts: () => {
        const { plane, overlay } = this.#signalling;
        return { draining: this.#draining, load: plane.load, neighbours: overlay.neighbours() };
      },
    });
    const publicUdp = this.#publicUdp;
    this.#signalling = new Signalling({
      ...{ identity, options, publicUdp, relaying, standing: this.#standing, log },
    });
  }

  async start(): Promise<void> {
    const trouble = openFilesTrouble(this.#maxOpenFiles);
    if (trouble !== null) this.#log.warn(trouble);
    const { udpDriver } = this.#relaying;
    const { server } = this.#signalling.controlDriver;
    const sockets = await openSockets(this.#options, udpDriver, server, this.#identity.tls);
    if ((this.#options.udp ?? 'batch') === 'batch') await this.#noteUdp();
    const entry = ownEntry(this.#identity, this.#options, sockets);
    this.#publicUdp.push(...entry.udp);
    this.#publicControl = entry.control;
    this.#startStun(sockets);
    this.udp = sockets.udp.map(formatAddressPort);
    this.control = sockets.control.map(formatAddressPort);
    await this.#standing.start(entry, sockets.udp);
    if (this.#options.admin !== undefined) {
      const admin = await startAdmin(this.#options.admin, this);
      this.#closeAdmin = admin.close;
      this.admin = admin.address;
    }
    const relaying = udpDriver.sockets[0]?.kind;
    this.#log.info({ udp: this.udp, control: this.control, id: this.id, relaying }, 'supernode runs');
  }

  async #noteUdp(): Promise<void> {
    const reason = await batchTrouble();
    if (reason !== null)
      this.#log.warn({ reason }, "datagrams go by Node's own UDP: it relays a third of what batches do");
  }

  #startStun(sockets: OpenedSockets): void {
    const { key, id } = this.#identity;
    startStun(this.#relaying.udpDriver, sockets, this.#publicUdp, {
      vouchers: new ProbeVouchers(key, id, () => this.#standing.link?.knownList ?? null),
      mayProbe: addressPolicy(this.#options.allowNets),
      onAnswer: (datagram) => this.#signalling.overlay.handleStunAnswer(datagram),
    });
  }

  status(): SupernodeStatus {
    const own = {
      id: this.id,
      draining: this.#draining,
      uptimeS: Math.round((monotonicMs() - this.#startedAtMs) / 1000),
      maxOpenFiles: this.#maxOpenFiles,
      udp: this.udp,
      control: this.control,
      publicUdp: this.#publicUdp,
      publicControl: this.#publicControl,
      tlsSha256: this.#identity.tls.sha256,
    };
    const [relaying, signalling, standing] = [this.#relaying, this.#signalling, this.#standing];
    return supernodeStatus(own, { options: this.#options, relaying, signalling, standing });
  }

  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#signalling.controlDriver.drain();
    this.#log.info({ calls: this.#relaying.table.allocations }, 'draining');
    this.#resolveIfDrained();
    this.#drainTimer = setInterval(() => this.#resolveIfDrained(), DRAIN_CHECK_MS);
  }

  #resolveIfDrained(): void {
    const isEmptied = this.#signalling.plane.isEmptied(monotonicMs());
    if (this.#relaying.table.allocations === 0 && isEmptied) this.#drained.resolve();
  }

  changeRules(rules: OperatorRules): number {
    this.#relaying.changeRules(rules);
    const { plane, controlDriver } = this.#signalling;
    const { attached } = plane;
    controlDriver.handleAccess();
    return attached - plane.attached;
  }

  async refreshList(): Promise<void> {
    await this.#standing.link?.refresh();
  }

  whenReady(): Promise<void> {
    return this.#standing.whenReady();
  }

  whenDrained(): Promise<void> {
    return this.#drained.promise;
  }

  async depart(): Promise<void> {
    await this.#standing.link?.depart();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#drainTimer);
    this.#standing.close();
    await Promise.all([this.#closeAdmin?.(), this.#signalling.close(), this.#relaying.close()]);
    this.#files.unlock();
  }
}
