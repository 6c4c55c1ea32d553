import { toBase64Url } from '@overcall/wire';
import type { Attachment } from './attachments.ts';
import {
  type ControlContext,
  type ControlOutput,
  type RelayTicket,
  relayFailed,
  send,
} from './control-context.ts';
import { ControlHops } from './control-hops.ts';
import type { AttachedMessage, ControlSession } from './control-session.ts';
import type { OpenResult } from './flow-book.ts';

/** What softphones ask of the relay table. */
export class ControlRelay {
  readonly #context: ControlContext;
  readonly #hops: ControlHops;

  constructor(context: ControlContext) {
    this.#context = context;
    this.#hops = new ControlHops(context, (result) => this.#answers(result));
  }

  /** What other supernodes ask of it. */
  get hops(): ControlHops {
    return this.#hops;
  }

  handleOpen(
    from: Attachment,
    session: ControlSession,
    {
      id,
      peer,
      receiveFlow,
      sendFlow,
      next,
      confirmable = false,
    }: Extract<AttachedMessage, { t: 'relay-open' }>,
    nowMs: number,
  ): ControlOutput[] {
    const { options, count, whyClosed } = this.#context;
    const ticket = { connection: from.connection, id };
    const fail = (code: string, message: string): ControlOutput[] => {
      count(code);
      return [relayFailed(ticket, code, message)];
    };
    const closed = whyClosed(nowMs);
    // An expired list keeps strangers out, not the calls of those who are attached.
    if (closed && closed.code !== 'list-expired') return fail(closed.code, closed.message);
    if (!session.buckets.relayOpens.take(nowMs)) return fail('rate-limited', 'too many relay flows at once');
    const way = next === undefined ? null : this.#hops.wayOf(next);
    if (next !== undefined && way === null)
      return fail(
        'bad-way',
        'over two or three different supernodes of the list, of which this is the first',
      );
    if (way !== null && options.neighbours.get(way[1]!, nowMs) === null)
      return fail('hop-no-address', 'the next supernode has no address that this one may send to');
    const party = from.who.identityKeyId;
    const request = { party, peer, receiveFlow, sendFlow, way, ticket, confirmable };
    const result = options.relay.open(request, nowMs);
    if (result.kind === 'refused')
      return fail(result.code, 'this supernode takes no more relay flows of this kind');
    const outputs = this.#answers(result);
    if (way !== null) outputs.push(this.#hops.openNext({ party, peer, receiveFlow, sendFlow }, way));
    return outputs;
  }

  #answers(result: OpenResult<RelayTicket>): ControlOutput[] {
    if (result.kind === 'refused') return [];
    if (result.kind === 'opened')
      return result.bindKeys.map((each) => this.#opened(each.ticket, each.bindKey));
    const { shed } = result;
    return shed ? [relayFailed(shed, 'overloaded', 'too many flows wait for an answer')] : [];
  }

  /** Also while draining or overloaded: those who are attached want to know whether their calls are carried. */
  handleProbeOpen(
    { connection, who }: Attachment,
    session: ControlSession,
    { id, flow }: Extract<AttachedMessage, { t: 'probe-open' }>,
    nowMs: number,
  ): ControlOutput[] {
    const { options, count } = this.#context;
    const ticket = { connection, id };
    const request = { owner: connection, party: who.identityKeyId, flow, ticket };
    const mayAsk = session.buckets.probeOpens.take(nowMs);
    const result = mayAsk ? options.relay.openLoop(request, nowMs) : null;
    if (result?.kind === 'opened') return [this.#opened(ticket, result.bindKeys[0]!.bindKey)];
    const code = result?.kind === 'refused' ? result.code : 'rate-limited';
    count(code);
    return [relayFailed(ticket, code, 'no flow to oneself of this kind')];
  }

  #opened({ connection, id }: RelayTicket, bindKey: Uint8Array): ControlOutput {
    const { udp } = this.#context.options;
    return send(connection, { t: 'relay-opened', id, bindKey: toBase64Url(bindKey), udp });
  }

  handleClose(
    { who }: Attachment,
    { receiveFlow, sendFlow }: Extract<AttachedMessage, { t: 'relay-close' }>,
  ): ControlOutput[] {
    const half = { party: who.identityKeyId, receiveFlow, sendFlow };
    const way = this.#context.options.relay.close(half)?.way ?? null;
    return way === null ? [] : [this.#hops.closeNext(half, way)];
  }

  /** Those who ask too often, to find out an address, get no for an answer. */
  handleConfirmPeer(
    { connection, who }: Attachment,
    session: ControlSession,
    { id, receiveFlow, sendFlow, address }: Extract<AttachedMessage, { t: 'confirm-peer' }>,
    nowMs: number,
  ): ControlOutput[] {
    const mayAsk = session.buckets.confirmations.take(nowMs);
    if (!mayAsk) this.#context.count('rate-limited');
    const { relay } = this.#context.options;
    const half = { party: who.identityKeyId, receiveFlow, sendFlow };
    const way = mayAsk ? relay.wayOf(half) : null;
    if (way !== null) return [this.#hops.confirmations.ask({ connection, id }, { ...half, address, way })];
    const known = mayAsk && relay.isPeerBoundFrom(half, address);
    return [send(connection, { t: 'peer-confirmed', id, known })];
  }

  handleTimeout(nowMs: number): ControlOutput[] {
    return this.#context.options.relay
      .handleTimeout(nowMs)
      .unanswered.map((ticket) => relayFailed(ticket, 'no-answer', 'the other party never opened the flow'));
  }
}
