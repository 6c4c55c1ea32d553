import { type Rate, TokenBucket } from './token-bucket.ts';

/** What one softphone may be sent through other supernodes. */
export interface LinkedSignalLimits {
  /** From one supernode. */
  signals: Rate;
  signalChars: Rate;
  invites: Rate;
  /** From all of them together. */
  allSignals: Rate;
}

/** One supernode may do to a softphone what one attached softphone may: it is listed, and may yet be malicious. */
export const DEFAULT_LINKED_SIGNAL_LIMITS: LinkedSignalLimits = {
  signals: { perSecond: 50, burst: 200 },
  signalChars: { perSecond: 32_768, burst: 262_144 },
  invites: { perSecond: 2, burst: 30 },
  allSignals: { perSecond: 100, burst: 400 },
};
/** Supernodes told apart for one softphone; beyond it the one that was silent for longest is forgotten. */
const MAX_SUPERNODES = 16;

type Buckets = Record<'signals' | 'signalChars' | 'invites', TokenBucket>;

/** Keeps other supernodes from flooding one softphone. */
export class SignalAllowance {
  readonly #limits: LinkedSignalLimits;
  readonly #all: TokenBucket;
  readonly #bySupernode = new Map<string, Buckets>();

  constructor(limits: LinkedSignalLimits, nowMs: number) {
    this.#limits = limits;
    this.#all = new TokenBucket(limits.allSignals, nowMs);
  }

  take(supernode: string, { chars, isInvite }: { chars: number; isInvite: boolean }, nowMs: number): boolean {
    const buckets = this.#bucketsOf(supernode, nowMs);
    return (
      buckets.signals.take(nowMs) &&
      buckets.signalChars.take(nowMs, chars) &&
      (!isInvite || buckets.invites.take(nowMs)) &&
      this.#all.take(nowMs)
    );
  }

  #bucketsOf(supernode: string, nowMs: number): Buckets {
    const bucket = (kind: keyof Buckets) => new TokenBucket(this.#limits[kind], nowMs);
    const buckets = this.#bySupernode.get(supernode) ?? {
      signals: bucket('signals'),
      signalChars: bucket('signalChars'),
      invites: bucket('invites'),
    };
    this.#bySupernode.delete(supernode);
    this.#bySupernode.set(supernode, buckets);
    if (this.#bySupernode.size > MAX_SUPERNODES)
      this.#bySupernode.delete(this.#bySupernode.keys().next().value!);
    return buckets;
  }
}
