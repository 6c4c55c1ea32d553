import type { ControlPlane, RelayTable, RelayTicket } from '@overcall/overlay';
import type { ControlDriver } from './control-driver.ts';
import type { DialBack } from './dial-back/dial-back.ts';
import type { DirectoryLink } from './directory-link.ts';
import type { SupernodeOptions, SupernodeStatus } from './options.ts';
import type { OverlayDriver } from './overlay-driver.ts';
import type { ClockWatch } from './self-test/clock-watch.ts';
import type { HostReport } from './self-test/host-capacity.ts';
import type { UdpDriver } from './udp-driver.ts';
import type { VolumeKeeper } from './volume-keeper.ts';

/** What knows something of a running supernode. */
export interface StatusSources {
  options: SupernodeOptions;
  relay: RelayTable<RelayTicket>;
  plane: ControlPlane;
  volume: VolumeKeeper;
  udpDriver: UdpDriver;
  controlDriver: ControlDriver;
  overlay: OverlayDriver;
  dialBack: DialBack;
  clock: ClockWatch;
  link: DirectoryLink | null;
}

/** What only the supernode itself can say. */
export type OwnStatus = Pick<
  SupernodeStatus,
  | 'id'
  | 'notReady'
  | 'reach'
  | 'draining'
  | 'uptimeS'
  | 'maxOpenFiles'
  | 'udp'
  | 'control'
  | 'publicUdp'
  | 'publicControl'
  | 'tlsSha256'
  | 'maxCalls'
  | 'maxMbps'
  | 'accessRules'
>;

/** All that is counted, in one place. */
export function supernodeStatus(own: OwnStatus, sources: StatusSources): SupernodeStatus {
  const { options, relay, plane, volume, udpDriver, controlDriver, overlay, dialBack, clock, link } = sources;
  const { counts, sockets, streams, stunCounts } = udpDriver;
  return {
    ...own,
    name: options.name,
    ready: own.notReady === null,
    host: options.host ? withClock(options.host, clock) : null,
    listVersion: link?.knownList?.version ?? 0,
    directory: { url: options.directory, reachable: link?.isReachable ?? false },
    attached: plane.attached,
    connections: plane.connections,
    load: Number(plane.load.toFixed(3)),
    waitingAttaches: plane.waitingAttaches,
    calls: relay.allocations,
    pendingFlows: relay.pending,
    indexRecords: plane.index.records,
    indexLookups: plane.index.lookups,
    loopFlows: relay.loops,
    overlayCalls: relay.overlay.flows,
    transitCalls: relay.overlay.transits,
    forwardedDatagrams: counts.forwardedDatagrams,
    forwardedBytes: counts.forwardedBytes,
    monthBytes: volume.bytes,
    maxMonthBytes: volume.limitBytes,
    ...overlay.status(),
    stunAnswers: stunCounts.answers,
    dialBacks: Object.fromEntries(dialBack.witness.counts),
    stunProbes: stunCounts.probes,
    dropped: Object.fromEntries(counts.dropped),
    refused: Object.fromEntries(plane.refusals),
    udpSockets: sumCounts(sockets.map((socket) => ({ ...socket.counts }))),
    controlServer: { ...controlDriver.server.counts },
    datagramConnections: streams.server.connections,
    datagramServer: { ...streams.server.counts, closedForMisuse: streams.closedForMisuse },
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
