import { type ClientMessage, readClientMessage, type SupernodeMessage } from '@overcall/wire';
import {
  ATTACH_TIMEOUT_MS,
  type ControlBuckets,
  type ControlLimits,
  controlBuckets,
  MAX_MISUNDERSTOOD,
} from './control-limits.ts';
import { DEFAULT_LINKED_SIGNAL_LIMITS, SignalAllowance } from './signal-allowance.ts';

/** A message that an attached softphone may send. */
export type AttachedMessage = Exclude<ClientMessage, { t: 'attach' | 'present' }>;

/** What a control connection makes of one message. */
export type SessionStep =
  | { kind: 'check-attach'; message: Extract<ClientMessage, { t: 'attach' }> }
  | { kind: 'check-presence'; record: string }
  | { kind: 'handle'; message: AttachedMessage }
  | { kind: 'answer'; message: SupernodeMessage }
  | { kind: 'close'; code: string; message: string }
  | { kind: 'ignore' };

/**
 * One control connection: `hello` -> attach -> (signatures are checked elsewhere) -> attached -> closed. Before it
 * is attached it holds a nonce and a deadline, nothing else.
 */
export class ControlSession {
  readonly nonce: string;
  readonly buckets: ControlBuckets;
  readonly #attachBeforeMs: number;
  #phase: 'new' | 'checking' | 'attached' | 'closed' = 'new';
  /** Wall clock: when the certificate ends. */
  #expiresAtMs = Number.POSITIVE_INFINITY;
  #misunderstood = 0;
  #checkingPresence = false;
  #linkedSignals: SignalAllowance | null = null;

  constructor(nonce: string, limits: ControlLimits, nowMs: number) {
    this.nonce = nonce;
    this.buckets = controlBuckets(limits, nowMs);
    this.#attachBeforeMs = nowMs + ATTACH_TIMEOUT_MS;
  }

  get isAttached(): boolean {
    return this.#phase === 'attached';
  }

  handleMessage(text: string, nowMs: number): SessionStep {
    if (this.#phase === 'closed') return { kind: 'ignore' };
    if (!this.buckets.messages.take(nowMs)) return this.#close('rate-limited', 'too many messages');
    const message = readClientMessage(text);
    if (message === null) return this.#notUnderstood();
    if (message.t === 'attach') return this.#attach(message);
    if (this.#phase !== 'attached') return this.#close('not-attached', 'attach first');
    if (message.t === 'present') return this.#present(message.record, nowMs);
    return { kind: 'handle', message };
  }

  #attach(message: Extract<ClientMessage, { t: 'attach' }>): SessionStep {
    // One attempt a connection: a check of signatures is the dearest thing a stranger can ask for.
    if (this.#phase !== 'new') return this.#close('already-attached', 'attach is for once');
    this.#phase = 'checking';
    return { kind: 'check-attach', message };
  }

  #present(record: string, nowMs: number): SessionStep {
    if (this.#checkingPresence || !this.buckets.presents.take(nowMs)) {
      return refused('rate-limited', 'too many presence records');
    }
    this.#checkingPresence = true;
    return { kind: 'check-presence', record };
  }

  /** What this softphone may still be sent through other supernodes. */
  linkedSignals(nowMs: number): SignalAllowance {
    this.#linkedSignals ??= new SignalAllowance(DEFAULT_LINKED_SIGNAL_LIMITS, nowMs);
    return this.#linkedSignals;
  }

  handlePresenceChecked(): void {
    this.#checkingPresence = false;
  }

  /** The check of the attach went well. False when the connection has been closed meanwhile. */
  handleAttached(expiresAtMs: number): boolean {
    if (this.#phase !== 'checking') return false;
    this.#phase = 'attached';
    this.#expiresAtMs = expiresAtMs;
    return true;
  }

  handleClosed(): void {
    this.#phase = 'closed';
  }

  /** Why the connection must end now; null when it need not. */
  handleTimeout(nowMs: number): SessionStep | null {
    if (this.#phase === 'closed') return null;
    if (this.#phase !== 'attached') {
      return nowMs < this.#attachBeforeMs ? null : this.#close('attach-timeout', 'no valid attach in time');
    }
    return nowMs < this.#expiresAtMs
      ? null
      : this.#close('certificate-expired', 'the certificate has expired');
  }

  #notUnderstood(): SessionStep {
    this.#misunderstood++;
    if (this.#phase === 'attached' && this.#misunderstood < MAX_MISUNDERSTOOD) {
      return refused('not-understood', 'not a control message of this version');
    }
    return this.#close('not-understood', 'not a control message of this version');
  }

  #close(code: string, message: string): SessionStep {
    this.#phase = 'closed';
    return { kind: 'close', code, message };
  }
}

function refused(code: string, message: string): SessionStep {
  return { kind: 'answer', message: { t: 'refused', code, message } };
}
