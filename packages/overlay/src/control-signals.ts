import {
  type Endpoint,
  fromBase64Url,
  type LinkMessage,
  SignalType,
  type SupernodeMessage,
} from '@overcall/wire';
import type { Attachment } from './attachments.ts';
import { type ControlContext, type ControlOutput, send } from './control-context.ts';
import { MAX_SIGNAL_BACKLOG_BYTES } from './control-limits.ts';
import type { AttachedMessage, ControlSession } from './control-session.ts';

type LinkSignal = Extract<LinkMessage, { t: 'signal' }>;
type LinkSignalFailed = Extract<LinkMessage, { t: 'signal-failed' }>;

/** Carries signals from one softphone to another, which is attached here or at another supernode. */
export class ControlSignals {
  readonly #context: ControlContext;

  constructor(context: ControlContext) {
    this.#context = context;
  }

  /** `from` is stamped here: nobody can signal in another's name. */
  handle(
    from: Attachment,
    session: ControlSession,
    { to, supernode, callId, body }: Extract<AttachedMessage, { t: 'signal' }>,
    nowMs: number,
  ): ControlOutput[] {
    const { signals, signalChars, invites } = session.buckets;
    const isAllowed =
      signals.take(nowMs) && signalChars.take(nowMs, body.length) && (!isInvite(body) || invites.take(nowMs));
    const at = supernode ?? this.#me;
    if (!isAllowed) return [this.#failed(from, at, { to, callId, code: 'rate-limited' })];
    const sender = { name: from.who.name, device: from.who.deviceId, endpoint: from.endpoint };
    if (at !== this.#me)
      return [{ kind: 'link', to: at, message: { t: 'signal', to, from: sender, callId, body } }];
    const delivered = this.#deliver(to, { t: 'signal', from: sender, callId, body });
    return [
      'output' in delivered ? delivered.output : this.#failed(from, at, { to, callId, code: delivered.code }),
    ];
  }

  /** From the supernode `by`, where the sender is attached. */
  handleLinkSignal(by: string, { to, from, callId, body }: LinkSignal, nowMs: number): ControlOutput[] {
    const delivered = this.#isFlood(by, to, body, nowMs)
      ? { code: 'rate-limited' }
      : this.#deliver(to, { t: 'signal', from: { ...from, supernode: by }, callId, body });
    if ('output' in delivered) return [delivered.output];
    this.#context.count(`link-signal-${delivered.code}`);
    const sender = { device: from.device, endpoint: from.endpoint };
    const message = { t: 'signal-failed' as const, to, from: sender, callId, code: delivered.code };
    return [{ kind: 'link', to: by, message }];
  }

  handleLinkSignalFailed(
    by: string,
    { to, from, callId, code }: LinkSignalFailed,
    nowMs: number,
  ): ControlOutput[] {
    if (this.#isFlood(by, from, '', nowMs)) {
      this.#context.count('link-signal-rate-limited');
      return [];
    }
    const sender = this.#context.attachments.find(from);
    return sender ? [this.#failed(sender, by, { to, callId, code })] : [];
  }

  /** No link to that supernode was to be had, or too much waits for one. */
  handleLinkFailed(supernode: string, { to, from, callId }: LinkSignal, code: string): ControlOutput[] {
    const sender = this.#context.attachments.find(from);
    return sender ? [this.#failed(sender, supernode, { to, callId, code })] : [];
  }

  #deliver(
    to: Endpoint,
    message: Extract<SupernodeMessage, { t: 'signal' }>,
  ): { output: ControlOutput } | { code: string } {
    const target = this.#context.attachments.find(to);
    if (!target) return { code: 'not-attached' };
    const isBehind = this.#context.options.backlogBytes(target.connection) > MAX_SIGNAL_BACKLOG_BYTES;
    return isBehind ? { code: 'overloaded' } : { output: send(target.connection, message) };
  }

  /** Whether a supernode has sent this softphone too much. */
  #isFlood(by: string, to: Endpoint, body: string, nowMs: number): boolean {
    const connection = this.#context.attachments.find(to)?.connection;
    const session = connection === undefined ? undefined : this.#context.sessions.get(connection);
    if (!session) return false;
    return !session.linkedSignals(nowMs).take(by, { chars: body.length, isInvite: isInvite(body) }, nowMs);
  }

  /** @param supernode where nobody took it */
  #failed(
    from: Attachment,
    supernode: string,
    failure: { to: Endpoint; callId: string; code: string },
  ): ControlOutput {
    this.#context.count(failure.code);
    return send(from.connection, { t: 'signal-failed', ...failure, supernode });
  }

  get #me(): string {
    return this.#context.options.supernode;
  }
}

function isInvite(body: string): boolean {
  return fromBase64Url(body.slice(0, 4))?.[0] === SignalType.Invite;
}
