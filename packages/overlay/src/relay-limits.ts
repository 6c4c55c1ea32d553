import type { Rate } from './token-bucket.ts';

/** What one supernode carries at most. */
export interface RelayLimits {
  /** Calls relayed at once. */
  maxAllocations: number;
  /** Flows that one user has open or waits for. */
  maxFlowsPerParty: number;
  /** Halves of flows that one neighbour has open or waits for, in the name of users. */
  maxFlowsPerNeighbour: number;
  /** Calls between two other supernodes. */
  maxTransits: number;
  /** Opens that wait for the other party, in all. */
  maxPending: number;
  /** Of each direction of a flow. */
  packets: Rate;
  /** UDP payload bytes of each direction of a flow. */
  bytes: Rate;
  /** UDP payload bytes of everything forwarded. */
  totalBytes: Rate;
  /** Challenges that media without a binding draws. */
  unboundChallenges: { perPrefix: Rate; all: Rate };
  /** Challenges that bind requests draw; these carry a valid mac. */
  bindChallenges: { perPrefix: Rate; all: Rate };
}

/**
 * Voice-shaped: 50 packets/s of audio, twice that for a moment while switching paths, and checks; 64 kbit/s of
 * payload in 50 packets with 23 bytes of header and tag is 9.2 kB/s. Too little for a tunnel to be worth it.
 */
export const DEFAULT_RELAY_LIMITS: RelayLimits = {
  maxAllocations: 1000,
  maxFlowsPerParty: 16,
  ...shares(1000),
  maxPending: 2000,
  packets: { perSecond: 150, burst: 100 },
  bytes: { perSecond: 20_000, burst: 20_000 },
  totalBytes: { perSecond: 12_500_000, burst: 2_500_000 },
  unboundChallenges: { perPrefix: { perSecond: 10, burst: 20 }, all: { perSecond: 1000, burst: 1000 } },
  bindChallenges: { perPrefix: { perSecond: 100, burst: 200 }, all: { perSecond: 10_000, burst: 10_000 } },
};

/**
 * Of so many calls, one neighbour may have a quarter and all that only pass through a half: a supernode's own softphones keep
 * the rest, whatever the others do.
 */
export function shares(maxAllocations: number): Pick<RelayLimits, 'maxFlowsPerNeighbour' | 'maxTransits'> {
  return {
    maxFlowsPerNeighbour: Math.max(1, Math.floor(maxAllocations / 4)),
    maxTransits: Math.max(1, Math.floor(maxAllocations / 2)),
  };
}

/** What one neighbour may have relayed: as its share of calls, a quarter. */
export function neighbourRate({ perSecond, burst }: Rate): Rate {
  return { perSecond: perSecond / 4, burst: Math.max(burst / 4, 20_000) };
}

/** Of a flow to oneself: a probe of 57 bytes every few seconds, and some more when one got lost. */
export const LOOP_LIMITS: Pick<RelayLimits, 'packets' | 'bytes'> = {
  packets: { perSecond: 2, burst: 10 },
  bytes: { perSecond: 250, burst: 1250 },
};

/** Rate of `totalBytes` for a limit in Mbit/s; a fifth of a second may come at once. */
export function totalBytesRate(maxMbps: number): Rate {
  const perSecond = (maxMbps * 1_000_000) / 8;
  return { perSecond, burst: Math.max(perSecond / 5, 20_000) };
}

/** Without a packet from either side for this long a bound flow is gone: a call sends 50 a second. */
export const IDLE_EXPIRY_MS = 30_000;
/** An allocation that was never bound by both. */
export const UNBOUND_EXPIRY_MS = 60_000;
/** An open that the other party has not answered: both ask within a round trip of each other, or never. */
export const PENDING_EXPIRY_MS = 10_000;
