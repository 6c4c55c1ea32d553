import { type LinkMessage, toBase64Url } from '@overcall/wire';
import type { AttachedDevice, Checked, Refused } from './attach-check.ts';
import { type Attachment, Attachments } from './attachments.ts';
import { ControlAttaches } from './control-attaches.ts';
import {
  type ControlContext,
  type ControlOutput,
  type ControlPlaneOptions,
  type LinkFailure,
  type Refusal,
  send,
} from './control-context.ts';
import { ControlIndex } from './control-index.ts';
import { ControlLinks } from './control-links.ts';
import { ControlLookups } from './control-lookups.ts';
import { ControlRelay } from './control-relay.ts';
import { type AttachedMessage, ControlSession, type SessionStep } from './control-session.ts';
import { ControlSignals } from './control-signals.ts';
import { KnownList, type ListFacts } from './known-list.ts';
import { type Presence, PresenceTable } from './presence.ts';

const SWEEP_INTERVAL_MS = 1000;
/** When it may be worth asking again where there is no room, ms. */
const FULL_RETRY_MS = 30_000;

/**
 * Control connections of one supernode together: routes what one softphone says to another and to the relay
 * table. Pure: signatures are checked elsewhere, between a `check-...` output and its `handle...Checked` input.
 */
export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #sessions = new Map<number, ControlSession>();
  readonly #attachments: Attachments;
  readonly #presence: PresenceTable;
  readonly #attaches: ControlAttaches;
  readonly #lookups: ControlLookups;
  readonly #signals: ControlSignals;
  readonly #relay: ControlRelay;
  readonly #index: ControlIndex;
  readonly #links: ControlLinks;
  /** Messages refused, by code. */
  readonly refusals = new Map<string, number>();
  #list: KnownList | null = null;
  #draining = false;
  #lastConnection = 0;
  #nextSweepMs: number | null = null;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.#attachments = new Attachments(options.maxAttachments);
    this.#presence = new PresenceTable(options.maxAttachments);
    const context: ControlContext = {
      options,
      sessions: this.#sessions,
      attachments: this.#attachments,
      presence: this.#presence,
      count: (code) => this.#count(code),
      node: (id) => this.#list?.nodes.get(id) ?? null,
      whyClosed: (nowMs) => this.#whyClosed(nowMs),
    };
    this.#attaches = new ControlAttaches(context);
    this.#index = new ControlIndex(context);
    this.#lookups = new ControlLookups(context, this.#index);
    this.#signals = new ControlSignals(context);
    this.#relay = new ControlRelay(context);
    this.#links = new ControlLinks({
      signals: this.#signals,
      index: this.#index,
      lookups: this.#lookups,
      relay: this.#relay,
      count: context.count,
    });
  }

  get attached(): number {
    return this.#attachments.size;
  }

  /** Presence records kept for others, and lookups that wait for such keepers. */
  get index(): { records: number; lookups: number } {
    return { records: this.#index.size, lookups: this.#index.pendingLookups };
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** Attaches that wait for their turn. */
  get waitingAttaches(): number {
    return this.#attaches.waiting;
  }

  /** How much of what it can carry it does, 0 to 1. */
  get load(): number {
    return this.#attaches.load;
  }

  /** From now on no new attach and no new relay flow; those attached are asked to go elsewhere. */
  drain(nowMs: number): ControlOutput[] {
    this.#draining = true;
    return this.#attaches.askEverybody('draining', nowMs);
  }

  /** Nobody is attached any more, or only who was asked to go and cannot. */
  isEmptied(nowMs: number): boolean {
    return this.#attachments.size === 0 || this.#attaches.isPatienceOver(nowMs);
  }

  connect(nowMs: number): { connection: number; outputs: ControlOutput[] } {
    const connection = ++this.#lastConnection;
    const nonce = toBase64Url(this.#options.randomBytes(16));
    this.#sessions.set(connection, new ControlSession(nonce, this.#options.limits, nowMs));
    this.#nextSweepMs ??= nowMs + SWEEP_INTERVAL_MS;
    const { versions, supernode } = this.#options;
    return {
      connection,
      outputs: [send(connection, { t: 'hello', versions: [...versions], supernode, nonce })],
    };
  }

  handleMessage(connection: number, text: string, nowMs: number): ControlOutput[] {
    const session = this.#sessions.get(connection);
    if (!session) return [];
    return this.#follow(connection, session, session.handleMessage(text, nowMs), nowMs);
  }

  #follow(connection: number, session: ControlSession, step: SessionStep, nowMs: number): ControlOutput[] {
    switch (step.kind) {
      case 'check-attach': {
        const closed = this.#whyClosed(nowMs);
        if (closed) return this.#refuse(connection, closed.code, closed.message);
        const attempt = {
          chain: step.message.chain,
          proof: step.message.proof,
          serverNonce: session.nonce,
        };
        const turn = this.#attaches.handleAttach(connection, attempt, nowMs);
        if (Array.isArray(turn)) return turn;
        return this.#refuse(connection, 'overloaded', 'too many softphones come at once', turn.retryAfterMs);
      }
      case 'check-presence': {
        const attachment = this.#attachments.ofConnection(connection)!;
        return [{ kind: 'check-presence', connection, record: step.record, attachment }];
      }
      case 'handle':
        return this.#handle(this.#attachments.ofConnection(connection)!, session, step.message, nowMs);
      case 'answer':
        this.#count('t' in step.message && step.message.t === 'refused' ? step.message.code : 'other');
        return [send(connection, step.message)];
      case 'close':
        return this.#refuse(connection, step.code, step.message);
      case 'ignore':
        return [];
    }
  }

  /** Why nobody may attach or open a relay flow now; null when they may. */
  #whyClosed(nowMs: number): Refusal | null {
    if (this.#draining) return { code: 'draining', message: 'this supernode is about to stop' };
    if (this.#list?.isListed === false) {
      return { code: 'not-listed', message: 'the supernode list does not name this supernode any more' };
    }
    if (this.#list?.isExpired(nowMs)) {
      return { code: 'list-expired', message: 'this supernode has had no supernode list for too long' };
    }
    return null;
  }

  /**
   * The signatures of an attach have been checked; `receipt` is signed by this supernode. `expiresAtMs` is when
   * the certificate ends, on the clock of `nowMs`. A newer list may have come while they were checked.
   */
  handleAttachChecked(
    connection: number,
    result: Checked<{ device: AttachedDevice; receipt: string; expiresAtMs: number }>,
    nowMs: number,
  ): ControlOutput[] {
    const session = this.#sessions.get(connection);
    if (!session) return [];
    if (!('ok' in result)) return this.#refuse(connection, result.code, result.message);
    const { device, receipt, expiresAtMs } = result.ok;
    const { who, chain, endpoint } = device;
    const closed = this.#whyClosed(nowMs);
    if (closed) return this.#refuse(connection, closed.code, closed.message);
    if (this.#list?.isRevoked(who)) return this.#refuseRevoked(connection);
    const added = this.#attachments.add({ connection, who, chain, endpoint });
    if ('refused' in added) {
      return added.refused === 'overloaded'
        ? this.#refuse(connection, 'overloaded', 'no room for another softphone', FULL_RETRY_MS)
        : this.#refuse(connection, added.refused, 'too many softphones of this user are attached');
    }
    if (!session.handleAttached(expiresAtMs)) {
      this.#attachments.remove(connection);
      return [];
    }
    const outputs = added.replaced
      ? this.#refuse(added.replaced.connection, 'replaced', 'this softphone has attached again')
      : [];
    const list = this.#list === null ? {} : { listVersion: this.#list.version };
    const { udp } = this.#options;
    return [...outputs, send(connection, { t: 'attached', receipt, udp, load: this.load, ...list })];
  }

  /** As above; `expiresAtMs` of the presence is on the clock of `nowMs`. */
  handlePresenceChecked(connection: number, result: Checked<Presence>, nowMs: number): ControlOutput[] {
    const session = this.#sessions.get(connection);
    if (!session?.isAttached) return [];
    session.handlePresenceChecked();
    const code = 'ok' in result ? this.#presence.put(result.ok, nowMs) : result.code;
    if ('ok' in result && code === 'stored') return this.#index.put(result.ok, nowMs);
    this.#count(code);
    const message = 'ok' in result ? 'the presence record was not stored' : result.message;
    return [send(connection, { t: 'refused', code, message })];
  }

  /** Those of the records of a `check-records` output that are validly signed by devices that are not revoked. */
  handleRecordsChecked(check: number, valid: readonly Presence[], nowMs: number): ControlOutput[] {
    this.#index.handleChecked(check, valid, nowMs);
    return this.#lookups.handleTimeout(nowMs);
  }

  /** From another supernode, whose key id `from` has been proven; each link is rate-limited where it ends. */
  handleLinkMessage(from: string, message: LinkMessage, nowMs: number): ControlOutput[] {
    return this.#links.handleMessage(from, message, nowMs);
  }

  /** A `link` output could not be delivered: no link was to be had (`no-link`), or too much waits (`overloaded`). */
  handleLinkFailed(to: string, message: LinkMessage, code: LinkFailure): ControlOutput[] {
    return this.#links.handleFailed(to, message, code);
  }

  handleDisconnect(connection: number): void {
    this.#attaches.handleDisconnect(connection);
    this.#sessions.get(connection)?.handleClosed();
    this.#sessions.delete(connection);
    // Also where the softphone has attached again, and this connection counts for nothing any more.
    this.#options.relay.closeLoop(connection);
    const attachment = this.#attachments.remove(connection);
    if (!attachment) return;
    const { who, endpoint } = attachment;
    const softphone = { device: who.deviceId, endpoint };
    this.#presence.remove(who.name, softphone);
    this.#index.handleDetached({ name: who.name, ...softphone });
  }

  /**
   * A newer signed list: everybody is told; revoked devices are detached. When it names this supernode no more, everybody is
   * asked to go where they can be found.
   */
  handleList(facts: ListFacts, nowMs: number): ControlOutput[] {
    const list = new KnownList(facts);
    this.#list = list;
    this.#relay.hops.handleList(list.nodes);
    this.#index.handleList(list.nodes);
    const outputs = [...this.#attachments.all()].flatMap(({ connection, who }) =>
      list.isRevoked(who)
        ? this.#refuseRevoked(connection)
        : [send(connection, { t: 'list', version: list.version })],
    );
    if (list.isListed && !this.#draining) this.#attaches.stay();
    return list.isListed ? outputs : [...outputs, ...this.#attaches.askEverybody('not-listed', nowMs)];
  }

  /** Detaches those who may not be here any more. What they have open at the relay goes on until it ends. */
  detach(why: (attachment: Attachment) => Refused | null): ControlOutput[] {
    return [...this.#attachments.all()].flatMap((attachment) => {
      const refusal = why(attachment);
      return refusal === null ? [] : this.#refuse(attachment.connection, refusal.code, refusal.message);
    });
  }

  #refuseRevoked(connection: number): ControlOutput[] {
    return this.#refuse(connection, 'device-revoked', 'this device has been revoked by its user');
  }

  /** Out of the list, nobody new comes; once the last call is over those who have not gone are detached. */
  #detachIfUnlisted(nowMs: number): ControlOutput[] {
    const closed = this.#whyClosed(nowMs);
    if (closed?.code !== 'not-listed' || this.#options.relay.allocations > 0) return [];
    if (!this.#attaches.isPatienceOver(nowMs)) return [];
    return this.detach(() => closed);
  }

  handleTimeout(nowMs: number): ControlOutput[] {
    const outputs = [
      ...this.#relay.handleTimeout(nowMs),
      ...this.#attaches.handleTimeout(nowMs),
      ...this.#lookups.handleTimeout(nowMs),
    ];
    if (this.#nextSweepMs === null || nowMs < this.#nextSweepMs) return outputs;
    for (const [connection, session] of [...this.#sessions]) {
      const step = session.handleTimeout(nowMs);
      if (step) outputs.push(...this.#follow(connection, session, step, nowMs));
    }
    outputs.push(...this.#detachIfUnlisted(nowMs), ...this.#attaches.relieve(nowMs));
    this.#presence.sweep(nowMs);
    this.#index.handleTick(nowMs);
    this.#nextSweepMs = this.#sessions.size > 0 ? nowMs + SWEEP_INTERVAL_MS : null;
    return outputs;
  }

  /** When {@link handleTimeout} has something to look at. */
  get nextDeadline(): number | null {
    const deadlines = [
      this.#nextSweepMs,
      this.#options.relay.nextDeadline,
      this.#attaches.deadline,
      this.#index.deadline,
    ].filter((at) => at !== null);
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  #handle(
    from: Attachment,
    session: ControlSession,
    message: AttachedMessage,
    nowMs: number,
  ): ControlOutput[] {
    switch (message.t) {
      case 'lookup':
        return this.#lookups.handle(from, session, message, nowMs);
      case 'signal':
        return this.#signals.handle(from, session, message, nowMs);
      case 'relay-open':
        return this.#relay.handleOpen(from, session, message, nowMs);
      case 'relay-close':
        return this.#relay.handleClose(from, message);
      case 'confirm-peer':
        return this.#relay.handleConfirmPeer(from, session, message, nowMs);
      case 'probe-open':
        return this.#relay.handleProbeOpen(from, session, message, nowMs);
      case 'measurements':
        return this.#askMeasurements(from, session, message, nowMs);
      case 'ping':
        return [send(from.connection, { t: 'pong', id: message.id })];
    }
  }

  /** Who asks too often is told that nothing is known. */
  #askMeasurements(
    { connection }: Attachment,
    session: ControlSession,
    { id, supernodes }: Extract<AttachedMessage, { t: 'measurements' }>,
    nowMs: number,
  ): ControlOutput[] {
    const mayAsk = session.buckets.measurements.take(nowMs);
    if (!mayAsk) this.#count('rate-limited');
    const isUsual = mayAsk && new Set(supernodes).size === supernodes.length;
    if (!isUsual) return [send(connection, { t: 'measurements-result', id, links: [] })];
    return [{ kind: 'ask-measurements', connection, id, supernodes }];
  }

  #refuse(connection: number, code: string, message: string, retryAfterMs?: number): ControlOutput[] {
    this.#count(code);
    this.handleDisconnect(connection);
    const hint = retryAfterMs === undefined ? {} : { retryAfterMs };
    return [send(connection, { t: 'refused', code, message, ...hint }), { kind: 'close', connection }];
  }

  #count(code: string): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }
}
