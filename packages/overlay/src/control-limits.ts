import { type Rate, TokenBucket } from './token-bucket.ts';

/** What one control connection may ask for. */
export interface ControlLimits {
  messages: Rate;
  lookups: Rate;
  signals: Rate;
  /** Characters of signal bodies. */
  signalChars: Rate;
  /** Signals that begin a call. */
  invites: Rate;
  relayOpens: Rate;
  /** Flows to oneself. */
  probeOpens: Rate;
  /** Questions whether a peer is bound from an address. */
  confirmations: Rate;
  /** Questions for the links between supernodes. */
  measurements: Rate;
  presents: Rate;
}

/** A call needs about ten messages; a person places a handful of calls a minute. */
export const DEFAULT_CONTROL_LIMITS: ControlLimits = {
  messages: { perSecond: 100, burst: 400 },
  lookups: { perSecond: 5, burst: 20 },
  signals: { perSecond: 50, burst: 200 },
  signalChars: { perSecond: 32_768, burst: 262_144 },
  invites: { perSecond: 2, burst: 30 },
  relayOpens: { perSecond: 5, burst: 30 },
  probeOpens: { perSecond: 2, burst: 10 },
  confirmations: { perSecond: 2, burst: 20 },
  measurements: { perSecond: 0.5, burst: 10 },
  presents: { perSecond: 1, burst: 10 },
};

/** Time from `hello` to a valid attach. */
export const ATTACH_TIMEOUT_MS = 10_000;
/** Messages that are not understood before the connection is closed. */
export const MAX_MISUNDERSTOOD = 10;

/**
 * Bytes that wait for a softphone before signals to it come back as `overloaded`. Far below what a control server
 * closes a connection for: others can make somebody hard to call, and cannot disconnect them.
 */
export const MAX_SIGNAL_BACKLOG_BYTES = 131_072;

export type ControlBuckets = Record<keyof ControlLimits, TokenBucket>;

export function controlBuckets(limits: ControlLimits, nowMs: number): ControlBuckets {
  const bucket = (kind: keyof ControlLimits) => new TokenBucket(limits[kind], nowMs);
  return {
    messages: bucket('messages'),
    lookups: bucket('lookups'),
    signals: bucket('signals'),
    signalChars: bucket('signalChars'),
    invites: bucket('invites'),
    relayOpens: bucket('relayOpens'),
    probeOpens: bucket('probeOpens'),
    confirmations: bucket('confirmations'),
    measurements: bucket('measurements'),
    presents: bucket('presents'),
  };
}
