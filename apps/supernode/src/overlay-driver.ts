import { randomBytes } from 'node:crypto';
import type { SigningPrivateKey } from '@overcall/identity';
import { DeadlineTimer, fetchListFrom, monotonicMs, type UdpAddress } from '@overcall/net';
import {
  type JoinedMessage,
  type LinkFailure,
  MeasurementQuestions,
  Membership,
  type MembershipOutput,
  NewerLists,
  type QuestionOutput,
  UnknownCallers,
} from '@overcall/overlay';
import { parseAddressPort, StunType, stunTransaction, writeStunMessage } from '@overcall/traversal';
import { fromBase64Url, type LinkMessage, toBase64Url } from '@overcall/wire';
import type { Logger } from 'pino';
import type { KnownList } from './directory-link.ts';
import { LinkDriver } from './link-driver.ts';
import { LinkTargets } from './link-targets.ts';
import type { NeighbourStatus, SupernodeStatus } from './options.ts';

const QUESTION_TICK_MS = 20;

export interface OverlayDriverOptions {
  key: SigningPrivateKey;
  id: string;
  mayDial(address: string): boolean;
  families(): { ipv4: boolean; ipv6: boolean };
  /** From the UDP port of this supernode. */
  sendUdp(datagram: Uint8Array, to: UdpAddress): void;
  /** For the control plane. */
  onMessage(from: string, message: JoinedMessage): void;
  onFailed(to: string, message: LinkMessage, code: LinkFailure): void;
  onMeasurements(connection: number, id: number, links: [number, number, number, number][]): void;
  /** A list that another supernode gave, not verified; resolves to whether it was newer. */
  onNewerList(token: string): Promise<boolean>;
  /** There may be a newer list: the directory is to be asked. */
  askForList(): Promise<void>;
  log: Logger;
}

/** What this supernode does together with others: links, neighbours, measurements, and the list that all have. */
export class OverlayDriver {
  readonly links: LinkDriver;
  readonly membership: Membership;
  readonly #options: OverlayDriverOptions;
  readonly #targets: LinkTargets;
  readonly #questions: MeasurementQuestions;
  readonly #lists = new NewerLists(Math.random);
  readonly #unknown = new UnknownCallers(Math.random);
  readonly #timer = new DeadlineTimer(() => this.#handleTimeout());
  #version = 0;
  #closed = false;

  constructor(options: OverlayDriverOptions) {
    this.#options = options;
    const { key, id, log } = options;
    this.#targets = new LinkTargets(options.mayDial, options.families);
    this.links = new LinkDriver({
      key,
      id,
      targets: this.#targets,
      onMessage: (from, message) => this.#handleMessage(from, message),
      onFailed: (to, message, code) => this.#handleFailed(to, message, code),
      onUnknown: () => {
        this.#unknown.handleUnknown(monotonicMs());
        this.#schedule();
      },
      onUp: (supernode) => this.#tellVersion(supernode),
      onDown: (supernode) => {
        this.membership.handleDown(supernode, monotonicMs());
        this.#schedule();
      },
      onList: (others) => this.#followMembership(this.membership.handleList(others, monotonicMs())),
      log,
    });
    this.membership = new Membership(
      {
        supernode: id,
        random: Math.random,
        randomBytes,
        isAlive: (other) => this.links.links.isAlive(other),
        linked: () => this.links.links.linked,
        dateMs: Date.now,
      },
      monotonicMs(),
    );
    this.#questions = new MeasurementQuestions(id, this.membership);
  }

  /** A newer list is in use: others are told that it is there. */
  handleList({ version, byId }: Pick<KnownList, 'version' | 'byId'>): void {
    this.#version = version;
    this.#lists.setOwn(version);
    this.#unknown.handleList();
    this.links.handleList(byId);
    for (const supernode of [...this.links.links.linked]) this.#tellVersion(supernode);
  }

  #tellVersion(supernode: string): void {
    if (this.#version > 0) this.links.deliver(supernode, { t: 'list', version: this.#version });
  }

  /** Of a softphone. */
  askMeasurements(connection: number, id: number, supernodes: readonly string[]): void {
    this.#followQuestions(this.#questions.handleQuestion(connection, id, supernodes, monotonicMs()));
  }

  /** A STUN answer: false when it was not to us. */
  handleStunAnswer(datagram: Uint8Array): boolean {
    const outputs = this.membership.handleAnswer(toBase64Url(datagram.subarray(8, 20)), monotonicMs());
    if (outputs === null) return false;
    this.#followMembership(outputs);
    return true;
  }

  /** How each neighbour is doing, by the names that the list has. */
  neighbours(): NeighbourStatus[] {
    return [...this.membership.neighbours].map((id) => {
      const meter = this.membership.prober.meter(id);
      return {
        id,
        name: this.#targets.get(id)?.name ?? '',
        linked: this.links.links.isLinked(id),
        rttMs: meter?.rttMs == null ? null : Math.round(meter.rttMs * 10) / 10,
        lossPct: Math.round((meter?.lossPct ?? 0) * 10) / 10,
      };
    });
  }

  status(): Pick<SupernodeStatus, 'links' | 'linkCounts' | 'neighbours'> {
    const { links, server } = this.links;
    const { size, connections, peers, counts } = links;
    const measurementRows = this.membership.rows.size;
    return {
      links: { linked: size, connections, dead: peers.dead, measurementRows },
      linkCounts: {
        ...server.counts,
        ...Object.fromEntries(counts),
        droppedRows: this.membership.droppedRows,
      },
      neighbours: this.neighbours(),
    };
  }

  close(): void {
    this.#closed = true;
    this.#timer.set(null);
    this.links.close();
  }

  #handleMessage(from: string, message: JoinedMessage): void {
    const nowMs = monotonicMs();
    if (message.t === 'measurements') this.membership.handleRow(from, message, nowMs);
    else if (message.t === 'measure')
      this.#followQuestions(this.#questions.handleMeasure(from, message, nowMs));
    else if (message.t === 'measured')
      this.#followQuestions(this.#questions.handleMeasured(from, message, nowMs));
    else if (message.t === 'list') this.#lists.handleOffer(from, message.version, nowMs);
    else this.#options.onMessage(from, message);
    this.#schedule();
  }

  #handleFailed(to: string, message: LinkMessage, code: LinkFailure): void {
    if (message.t === 'measure') this.#followQuestions(this.#questions.handleFailed(to, monotonicMs()));
    else this.#options.onFailed(to, message, code);
  }

  #handleTimeout(): void {
    const nowMs = monotonicMs();
    this.#followMembership(this.membership.handleTimeout(nowMs));
    this.#followQuestions(this.#questions.handleTimeout(nowMs));
    const from = this.#lists.poll(nowMs);
    if (from !== null) void this.#fetchList(from);
    if (this.#unknown.poll(nowMs)) void this.#options.askForList();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#closed) return;
    const nowMs = monotonicMs();
    const isAsked = this.#questions.nextDeadline !== null;
    const deadlines = [
      this.membership.nextDeadline,
      this.#lists.nextDeadline,
      this.#unknown.nextDeadline,
      isAsked ? nowMs + QUESTION_TICK_MS : null,
    ].filter((at) => at !== null);
    this.#timer.set(deadlines.length === 0 ? null : Math.min(...deadlines));
  }

  #followMembership(outputs: readonly MembershipOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'probe') this.#probe(output.to, output.transaction);
      else if (output.kind === 'want') this.links.setWanted(output.supernodes);
      else if (output.kind === 'link') this.links.deliver(output.to, output.message);
      else this.links.links.peers.handleSign(output.supernode);
    }
    this.#schedule();
  }

  #followQuestions(outputs: readonly QuestionOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'link') this.links.deliver(output.to, output.message);
      else this.#options.onMeasurements(output.connection, output.id, output.links);
    }
    this.#schedule();
  }

  #probe(to: string, transaction: string): void {
    const [text] = this.#targets.addresses(to, 'udp');
    const address = text === undefined ? null : parseAddressPort(text);
    if (address === null) return;
    const whole = stunTransaction(fromBase64Url(transaction)!);
    const message = { type: StunType.BindingRequest, transaction: whole, attributes: [] };
    this.#options.sendUdp(writeStunMessage(message), address);
  }

  async #fetchList(from: string): Promise<void> {
    const wasNewer = await this.#tryFetch(from);
    this.#lists.handleFetched(wasNewer, monotonicMs());
    this.#schedule();
  }

  async #tryFetch(from: string): Promise<boolean> {
    const tlsSha256 = this.#targets.get(from)?.tlsSha256 ?? [];
    for (const address of this.#targets.addresses(from, 'control')) {
      try {
        return await this.#options.onNewerList(await fetchListFrom({ address, tlsSha256 }));
      } catch (error) {
        this.#options.log.debug({ err: error, supernode: from }, 'no newer list');
      }
    }
    return false;
  }
}
