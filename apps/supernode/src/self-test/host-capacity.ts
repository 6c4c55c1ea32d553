import type { SelfTestResult } from '../options.ts';

/** What was found out about a host before it joins; null is unknown, and bounds nothing. */
export interface HostFacts {
  /** Datagrams relayed in a second of processor time, with everything that sends and receives them on this host. */
  relayedPerCpuS: number | null;
  /** The same for the flow table alone. */
  tablePerCpuS: number | null;
  /** Memory that this process can still have. */
  availableBytes: number;
  /** Files and sockets that may be open. */
  openFiles: number | null;
  /** Interface that datagrams leave by, and what its hardware says. */
  link: { name: string; mbps: number | null } | null;
  /** How far this clock is ahead of the directory's, and how wrong that may be. */
  clock: { aheadMs: number; errorMs: number } | null;
}

/** What it can carry; null where that is not known, and bounds nothing. */
export interface HostCapacity {
  calls: number | null;
  mbps: number | null;
  softphones: number;
}

/** Kept in the status of a supernode. */
export interface HostReport {
  facts: HostFacts;
  capacity: HostCapacity;
  checks: SelfTestResult[];
}

/**
 * 50 packets/s from each of the two, and their checks and reports. The ends, which are measured too, cost a core about as much as the relay: that
 * half is left for TLS, signatures and signalling.
 */
const DATAGRAMS_OF_CALL_PER_S = 110;
/** Headers, and what others on this host send, take the rest of a link. */
const SHARE_OF_LINK = 0.8;
/** Softphones that a supernode takes wherever it runs. */
export const MAX_ATTACHMENTS = 10_000;
/** Links, connections of strangers, files of its own. */
const SPARE_FILES = 256;
/** A control connection, and one for datagrams. */
const FILES_OF_SOFTPHONE = 2;
/** For the program itself once it works, and for peaks. */
const SPARE_BYTES = 64 * 1024 * 1024;
/** TLS and WebSocket of a control connection: an allowance, not a measurement. */
const BYTES_OF_SOFTPHONE = 64 * 1024;

export function capacityOf(facts: HostFacts): HostCapacity {
  const { relayedPerCpuS, availableBytes, openFiles, link } = facts;
  const calls = relayedPerCpuS === null ? null : Math.floor(relayedPerCpuS / DATAGRAMS_OF_CALL_PER_S);
  const byFiles =
    openFiles === null ? Number.POSITIVE_INFINITY : (openFiles - SPARE_FILES) / FILES_OF_SOFTPHONE;
  const byMemory = (availableBytes - SPARE_BYTES) / BYTES_OF_SOFTPHONE;
  return {
    calls,
    mbps: link?.mbps == null ? null : link.mbps * SHARE_OF_LINK,
    softphones: Math.max(0, Math.floor(Math.min(MAX_ATTACHMENTS, byFiles, byMemory))),
  };
}
