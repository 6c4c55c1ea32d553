import { toBase64Url } from '@overcall/wire';
import type { Attachment } from './attachments.ts';
import { type ControlContext, type ControlOutput, type RelayTicket, send } from './control-context.ts';
import type { AttachedMessage, ControlSession } from './control-session.ts';

/** What softphones ask of the relay table. */
export class ControlRelay {
  readonly #context: ControlContext;

  constructor(context: ControlContext) {
    this.#context = context;
  }

  handleOpen(
    from: Attachment,
    session: ControlSession,
    { id, peer, receiveFlow, sendFlow }: Extract<AttachedMessage, { t: 'relay-open' }>,
    nowMs: number,
  ): ControlOutput[] {
    const { options, count, whyClosed } = this.#context;
    const fail = (code: string, message: string): ControlOutput[] => {
      count(code);
      return [relayFailed(from.connection, id, code, message)];
    };
    const closed = whyClosed(nowMs);
    // An expired list keeps strangers out, not the calls of those who are attached.
    if (closed && closed.code !== 'list-expired') return fail(closed.code, closed.message);
    if (!session.buckets.relayOpens.take(nowMs)) return fail('rate-limited', 'too many relay flows at once');
    const ticket = { connection: from.connection, id };
    const party = from.who.identityKeyId;
    const result = options.relay.open({ party, peer, receiveFlow, sendFlow, ticket }, nowMs);
    if (result.kind === 'refused')
      return fail(result.code, 'this supernode takes no more relay flows of this kind');
    if (result.kind === 'waiting') {
      const { shed } = result;
      return shed
        ? [relayFailed(shed.connection, shed.id, 'overloaded', 'too many flows wait for an answer')]
        : [];
    }
    return result.bindKeys.map(({ ticket, bindKey }) => this.#opened(ticket, bindKey));
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
    return [relayFailed(connection, id, code, 'no flow to oneself of this kind')];
  }

  #opened({ connection, id }: RelayTicket, bindKey: Uint8Array): ControlOutput {
    const { udp } = this.#context.options;
    return send(connection, { t: 'relay-opened', id, bindKey: toBase64Url(bindKey), udp });
  }

  handleClose(
    { who }: Attachment,
    { receiveFlow, sendFlow }: Extract<AttachedMessage, { t: 'relay-close' }>,
  ): ControlOutput[] {
    this.#context.options.relay.close(who.identityKeyId, receiveFlow, sendFlow);
    return [];
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
    const known = mayAsk && relay.isPeerBoundFrom(who.identityKeyId, receiveFlow, sendFlow, address);
    return [send(connection, { t: 'peer-confirmed', id, known })];
  }

  handleTimeout(nowMs: number): ControlOutput[] {
    return this.#context.options.relay
      .handleTimeout(nowMs)
      .unanswered.map(({ connection, id }) =>
        relayFailed(connection, id, 'no-answer', 'the other party never opened the flow'),
      );
  }
}

function relayFailed(connection: number, id: number, code: string, message: string): ControlOutput {
  return send(connection, { t: 'relay-failed', id, code, message });
}
