import type { SupernodeOptions, SupernodeStatus } from './options.ts';
import { mbpsOf } from './relay-options.ts';
import type { Relaying } from './relaying.ts';
import type { ClockWatch } from './self-test/clock-watch.ts';
import type { HostReport } from './self-test/host-capacity.ts';
import type { Signalling } from './signalling.ts';
import type { Standing } from './standing.ts';

/** What knows something of a running supernode. */
export interface StatusSources {
  options: SupernodeOptions;
  relaying: Relaying;
  signalling: Signalling;
  standing: Standing;
}

/** What only the supernode itself can say. */
export type OwnStatus = Pick<
  SupernodeStatus,
  | 'id'
  | 'draining'
  | 'uptimeS'
  | 'maxOpenFiles'
  | 'udp'
  | 'control'
  | 'publicUdp'
  | 'publicControl'
  | 'tlsSha256'
>;

/** All that is counted, in one place. */
export function supernodeStatus(own: OwnStatus, sources: StatusSources): SupernodeStatus {
  const { options, relaying, signalling, standing } = sources;
  return {
    ...own,
    name: options.name,
    ...standingStatus(options, standing),
    ...relayStatus(relaying),
    ...controlStatus(signalling),
    ...signalling.overlay.status(),
  };
}

function standingStatus(options: SupernodeOptions, standing: Standing) {
  const { link, reach, clock, dialBack, notReady } = standing;
  return {
    ready: notReady === null,
    notReady,
    reach: reach?.current.state ?? ('checking' as const),
    host: options.host ? withClock(options.host, clock) : null,
    listVersion: link?.knownList?.version ?? 0,
    directory: { url: options.directory, reachable: link?.isReachable ?? false },
    dialBacks: Object.fromEntries(dialBack.witness.counts),
  };
}

function relayStatus({ table, limits, access, volume, udpDriver }: Relaying) {
  const { counts, sockets, streams, stunCounts } = udpDriver;
  return {
    calls: table.allocations,
    maxCalls: limits.maxAllocations,
    maxMbps: mbpsOf(limits.totalBytes),
    accessRules: access.counts,
    pendingFlows: table.pending,
    loopFlows: table.loops,
    overlayCalls: table.overlay.flows,
    transitCalls: table.overlay.transits,
    forwardedDatagrams: counts.forwardedDatagrams,
    forwardedBytes: counts.forwardedBytes,
    monthBytes: volume.bytes,
    maxMonthBytes: volume.limitBytes,
    stunAnswers: stunCounts.answers,
    stunProbes: stunCounts.probes,
    dropped: Object.fromEntries(counts.dropped),
    udpSockets: sumCounts(sockets.map((socket) => ({ ...socket.counts }))),
    datagramConnections: streams.server.connections,
    datagramServer: { ...streams.server.counts, closedForMisuse: streams.closedForMisuse },
  };
}

function controlStatus({ plane, controlDriver }: Signalling) {
  return {
    attached: plane.attached,
    connections: plane.connections,
    load: Number(plane.load.toFixed(3)),
    waitingAttaches: plane.waitingAttaches,
    indexRecords: plane.index.records,
    indexLookups: plane.index.lookups,
    refused: Object.fromEntries(plane.refusals),
    controlServer: { ...controlDriver.server.counts },
  };
}

/** The clock as it was found last, beside what was found at the start. */
function withClock(host: HostReport, { newest }: Pick<ClockWatch, 'newest'>): HostReport {
  if (newest === null) return host;
  return { ...host, checks: host.checks.map((check) => (check.check === 'clock' ? newest : check)) };
}

function sumCounts(counts: Record<string, number>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [name, value] of counts.flatMap((each) => Object.entries(each)))
    sum[name] = (sum[name] ?? 0) + value;
  return sum;
}
