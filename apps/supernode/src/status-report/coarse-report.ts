import {
  CALLS_STEP,
  LOAD_STEPS,
  MAX_REPORTED_LINKS,
  type ReportedCalls,
  type ReportedLink,
  type StatusReport,
} from '@overcall/identity';
import type { RelayLimits } from '@overcall/overlay';

/** What a supernode knows of itself, as fine as it knows it. */
export interface OwnFacts {
  draining: boolean;
  /** 0 to 1. */
  load: number;
  /** Calls and softphones that it takes at most, whatever limits them. */
  room: number;
  carried: ReportedCalls;
  neighbours: readonly { id: string; linked: boolean; rttMs: number | null; lossPct: number }[];
}

/**
 * With less room a quarter of the load would be fewer than {@link CALLS_STEP} calls, and one call could be seen to come and
 * go.
 */
export const ROOM_FOR_LOAD = CALLS_STEP * LOAD_STEPS;

/** Of 64 kbit/s of payload in 50 packets a second, with headers, both ways (docs/supernode.md). */
const CALL_BYTES_PER_SECOND = 2 * 9200;

/** Calls that these limits let through at once. */
export const callsWithin = ({ maxAllocations, totalBytes }: RelayLimits): number =>
  Math.min(maxAllocations, totalBytes.perSecond / CALL_BYTES_PER_SECOND);

/** What of that everybody may know: made coarse before it leaves this host, so that nobody else has to be trusted with more. */
export function coarseReport(facts: OwnFacts): Omit<StatusReport, 'iss' | 'number'> {
  const { draining, load, room, carried, neighbours } = facts;
  return {
    draining,
    load: room < ROOM_FOR_LOAD ? null : Math.floor(Math.min(1, Math.max(0, load)) * LOAD_STEPS),
    calls: {
      relayUdp: inSteps(carried.relayUdp),
      relayTcp: inSteps(carried.relayTcp),
      overlay: inSteps(carried.overlay),
    },
    links: nearestLinks(neighbours),
  };
}

const inSteps = (calls: number): number => Math.floor(calls / CALLS_STEP) * CALLS_STEP;

function nearestLinks(neighbours: OwnFacts['neighbours']): ReportedLink[] {
  return neighbours
    .flatMap(({ id, linked, rttMs, lossPct }) =>
      linked && rttMs !== null
        ? [{ to: id, rttMs: Math.min(60_000, Math.round(rttMs)), lossPct: Math.round(lossPct) }]
        : [],
    )
    .sort((a, b) => a.rttMs - b.rttMs)
    .slice(0, MAX_REPORTED_LINKS);
}
