import {
  fromBase64Url,
  type LinkMessage,
  SignalType,
  type SupernodeMessage,
  toBase64Url,
} from '@overcall/wire';
import type { AttachAttempt, AttachedDevice, Checked } from './attach-check.ts';
import { type Attachment, Attachments } from './attachments.ts';
import { type ControlLimits, MAX_SIGNAL_BACKLOG_BYTES } from './control-limits.ts';
import { type AttachedMessage, ControlSession, type SessionStep } from './control-session.ts';
import { KnownList, type ListFacts } from './known-list.ts';
import { fittingEndpoints } from './lookup-result.ts';
import { type Presence, PresenceTable } from './presence.ts';
import type { RelayTable } from './relay-table.ts';

/**
 * Control connections of one supernode together: routes what one softphone says to another and to the relay
 * table. Pure: signatures are checked elsewhere, between a `check-...` output and its `handle...Checked` input.
 */

/** A control connection, and the request on it that a relay flow was opened by. */
export interface RelayTicket {
  connection: number;
  id: number;
}

export type ControlOutput =
  | { kind: 'send'; connection: number; message: SupernodeMessage }
  | { kind: 'close'; connection: number }
  /** For another supernode, over the link to it; lost when there is none to be had. */
  | { kind: 'link'; to: string; message: LinkMessage }
  | { kind: 'check-attach'; connection: number; attempt: AttachAttempt }
  | { kind: 'check-presence'; connection: number; record: string; attachment: Attachment };

export interface ControlPlaneOptions {
  /** Identity key id of this supernode. */
  supernode: string;
  /** Addresses of its UDP port. */
  udp: string[];
  relay: RelayTable<RelayTicket>;
  limits: ControlLimits;
  maxAttachments: number;
  versions: readonly number[];
  randomBytes(length: number): Uint8Array;
  /** One form of each name; null for what can be no name. */
  canonicalName(name: string): string | null;
  /** Bytes that wait to be sent on a connection. */
  backlogBytes(connection: number): number;
}

const SWEEP_INTERVAL_MS = 1000;

/** Why no new softphone and no new call is taken. */
type Refusal = { code: 'draining' | 'not-listed' | 'list-expired'; message: string };

export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #sessions = new Map<number, ControlSession>();
  readonly #attachments: Attachments;
  readonly #presence: PresenceTable;
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
  }

  get attached(): number {
    return this.#attachments.size;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** From now on no new attach and no new relay flow. */
  drain(): void {
    this.#draining = true;
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
        const { chain, proof } = step.message;
        return [{ kind: 'check-attach', connection, attempt: { chain, proof, serverNonce: session.nonce } }];
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
    if ('refused' in added) return this.#refuse(connection, added.refused, 'no room for another softphone');
    if (!session.handleAttached(expiresAtMs)) {
      this.#attachments.remove(connection);
      return [];
    }
    const outputs = added.replaced
      ? this.#refuse(added.replaced.connection, 'replaced', 'this softphone has attached again')
      : [];
    const list = this.#list === null ? {} : { listVersion: this.#list.version };
    return [...outputs, send(connection, { t: 'attached', receipt, udp: this.#options.udp, ...list })];
  }

  /** As above; `expiresAtMs` of the presence is on the clock of `nowMs`. */
  handlePresenceChecked(connection: number, result: Checked<Presence>, nowMs: number): ControlOutput[] {
    const session = this.#sessions.get(connection);
    if (!session?.isAttached) return [];
    session.handlePresenceChecked();
    const code = 'ok' in result ? this.#presence.put(result.ok, nowMs) : result.code;
    if (code === 'stored') return [];
    this.#count(code);
    const message = 'ok' in result ? 'the presence record was not stored' : result.message;
    return [send(connection, { t: 'refused', code, message })];
  }

  /** From another supernode, whose key id `from` has been proven. */
  handleLinkMessage(_from: string, message: LinkMessage, _nowMs: number): ControlOutput[] {
    this.#count(`link-${message.t}`);
    return [];
  }

  handleDisconnect(connection: number): void {
    this.#sessions.get(connection)?.handleClosed();
    this.#sessions.delete(connection);
    const attachment = this.#attachments.remove(connection);
    if (!attachment) return;
    this.#options.relay.closeLoop(connection);
    const { who, endpoint } = attachment;
    this.#presence.remove(who.name, { device: who.deviceId, endpoint });
  }

  /** A newer signed list: everybody is told; revoked devices are detached. */
  handleList(facts: ListFacts): ControlOutput[] {
    const list = new KnownList(facts);
    this.#list = list;
    return [...this.#attachments.all()].flatMap(({ connection, who }) =>
      list.isRevoked(who)
        ? this.#refuseRevoked(connection)
        : [send(connection, { t: 'list', version: list.version })],
    );
  }

  #refuseRevoked(connection: number): ControlOutput[] {
    return this.#refuse(connection, 'device-revoked', 'this device has been revoked by its user');
  }

  /** Out of the list, nobody new comes; once the last call is over the others go where they can be found. */
  #detachIfUnlisted(nowMs: number): ControlOutput[] {
    const closed = this.#whyClosed(nowMs);
    if (closed?.code !== 'not-listed' || this.#options.relay.allocations > 0) return [];
    return [...this.#attachments.all()].flatMap(({ connection }) =>
      this.#refuse(connection, closed.code, closed.message),
    );
  }

  handleTimeout(nowMs: number): ControlOutput[] {
    const outputs = this.#options.relay
      .handleTimeout(nowMs)
      .unanswered.map(({ connection, id }) =>
        relayFailed(connection, id, 'no-answer', 'the other party never opened the flow'),
      );
    if (this.#nextSweepMs === null || nowMs < this.#nextSweepMs) return outputs;
    for (const [connection, session] of [...this.#sessions]) {
      const step = session.handleTimeout(nowMs);
      if (step) outputs.push(...this.#follow(connection, session, step, nowMs));
    }
    outputs.push(...this.#detachIfUnlisted(nowMs));
    this.#presence.sweep(nowMs);
    this.#nextSweepMs = this.#sessions.size > 0 ? nowMs + SWEEP_INTERVAL_MS : null;
    return outputs;
  }

  /** When {@link handleTimeout} has something to look at. */
  get nextDeadline(): number | null {
    const deadlines = [this.#nextSweepMs, this.#options.relay.nextDeadline].filter((at) => at !== null);
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  #handle(
    from: Attachment,
    session: ControlSession,
    message: AttachedMessage,
    nowMs: number,
  ): ControlOutput[] {
    const { connection } = from;
    switch (message.t) {
      case 'lookup':
        return [send(connection, this.#lookup(session, message, nowMs))];
      case 'signal':
        return [this.#signal(from, session, message, nowMs)];
      case 'relay-open':
        return this.#relayOpen(from, session, message, nowMs);
      case 'relay-close':
        this.#options.relay.close(from.who.identityKeyId, message.receiveFlow, message.sendFlow);
        return [];
      case 'confirm-peer':
        return [send(connection, this.#confirmPeer(from, session, message, nowMs))];
      case 'probe-open':
        return this.#probeOpen(from, session, message, nowMs);
      case 'measurements':
        return [];
      case 'ping':
        return [send(connection, { t: 'pong', id: message.id })];
    }
  }

  #lookup(
    session: ControlSession,
    { id, name }: Extract<AttachedMessage, { t: 'lookup' }>,
    nowMs: number,
  ): SupernodeMessage {
    if (!session.buckets.lookups.take(nowMs)) {
      this.#count('rate-limited');
      return { t: 'lookup-result', id, endpoints: [], error: 'rate-limited' };
    }
    const canonical = this.#options.canonicalName(name);
    const found = canonical === null ? [] : this.#presence.lookup(canonical, nowMs);
    return { t: 'lookup-result', id, endpoints: fittingEndpoints(found) };
  }

  /** `from` is stamped here: nobody can signal in another's name. */
  #signal(
    from: Attachment,
    session: ControlSession,
    { to, callId, body }: Extract<AttachedMessage, { t: 'signal' }>,
    nowMs: number,
  ): ControlOutput {
    const failed = (code: string): ControlOutput => {
      this.#count(code);
      return send(from.connection, { t: 'signal-failed', to, callId, code });
    };
    const isInvite = fromBase64Url(body.slice(0, 4))?.[0] === SignalType.Invite;
    const { signals, signalChars } = session.buckets;
    if (!signals.take(nowMs) || !signalChars.take(nowMs, body.length)) return failed('rate-limited');
    if (isInvite && !session.buckets.invites.take(nowMs)) return failed('rate-limited');
    const target = this.#attachments.find(to);
    if (!target) return failed('not-attached');
    if (this.#options.backlogBytes(target.connection) > MAX_SIGNAL_BACKLOG_BYTES) return failed('overloaded');
    const sender = { name: from.who.name, device: from.who.deviceId, endpoint: from.endpoint };
    return send(target.connection, { t: 'signal', from: sender, callId, body });
  }

  #relayOpen(
    from: Attachment,
    session: ControlSession,
    { id, peer, receiveFlow, sendFlow }: Extract<AttachedMessage, { t: 'relay-open' }>,
    nowMs: number,
  ): ControlOutput[] {
    const fail = (code: string, message: string): ControlOutput[] => {
      this.#count(code);
      return [relayFailed(from.connection, id, code, message)];
    };
    const closed = this.#whyClosed(nowMs);
    // An expired list keeps strangers out, not the calls of those who are attached.
    if (closed && closed.code !== 'list-expired') return fail(closed.code, closed.message);
    if (!session.buckets.relayOpens.take(nowMs)) return fail('rate-limited', 'too many relay flows at once');
    const ticket = { connection: from.connection, id };
    const party = from.who.identityKeyId;
    const result = this.#options.relay.open({ party, peer, receiveFlow, sendFlow, ticket }, nowMs);
    if (result.kind === 'refused')
      return fail(result.code, 'this supernode takes no more relay flows of this kind');
    if (result.kind === 'waiting') {
      const { shed } = result;
      return shed
        ? [relayFailed(shed.connection, shed.id, 'overloaded', 'too many flows wait for an answer')]
        : [];
    }
    return result.bindKeys.map(({ ticket, bindKey }) => this.#relayOpened(ticket, bindKey));
  }

  /** Also while draining or overloaded: those who are attached want to know whether their calls are carried. */
  #probeOpen(
    from: Attachment,
    session: ControlSession,
    { id, flow }: Extract<AttachedMessage, { t: 'probe-open' }>,
    nowMs: number,
  ): ControlOutput[] {
    const { connection, who } = from;
    const ticket = { connection, id };
    const request = { owner: connection, party: who.identityKeyId, flow, ticket };
    const mayAsk = session.buckets.probeOpens.take(nowMs);
    const result = mayAsk ? this.#options.relay.openLoop(request, nowMs) : null;
    if (result?.kind === 'opened') return [this.#relayOpened(ticket, result.bindKeys[0]!.bindKey)];
    const code = result?.kind === 'refused' ? result.code : 'rate-limited';
    this.#count(code);
    return [relayFailed(connection, id, code, 'no flow to oneself of this kind')];
  }

  #relayOpened({ connection, id }: RelayTicket, bindKey: Uint8Array): ControlOutput {
    const { udp } = this.#options;
    return send(connection, { t: 'relay-opened', id, bindKey: toBase64Url(bindKey), udp });
  }

  /** Those who ask too often, to find out an address, get no for an answer. */
  #confirmPeer(
    { who }: Attachment,
    session: ControlSession,
    { id, receiveFlow, sendFlow, address }: Extract<AttachedMessage, { t: 'confirm-peer' }>,
    nowMs: number,
  ): SupernodeMessage {
    const mayAsk = session.buckets.confirmations.take(nowMs);
    if (!mayAsk) this.#count('rate-limited');
    const { relay } = this.#options;
    const known = mayAsk && relay.isPeerBoundFrom(who.identityKeyId, receiveFlow, sendFlow, address);
    return { t: 'peer-confirmed', id, known };
  }

  #refuse(connection: number, code: string, message: string): ControlOutput[] {
    this.#count(code);
    this.handleDisconnect(connection);
    return [send(connection, { t: 'refused', code, message }), { kind: 'close', connection }];
  }

  #count(code: string): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }
}

function send(connection: number, message: SupernodeMessage): ControlOutput {
  return { kind: 'send', connection, message };
}

function relayFailed(connection: number, id: number, code: string, message: string): ControlOutput {
  return send(connection, { t: 'relay-failed', id, code, message });
}
