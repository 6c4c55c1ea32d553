import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { NeighbourStatus, SupernodeStatus } from './options.ts';
import type { HostReport } from './self-test/host-capacity.ts';

/** Process metrics are the same for everything in this process. */
const processRegistry = new Registry();
collectDefaultMetrics({ register: processRegistry });

/** Prometheus text. Labels are reasons and codes, never users or addresses. */
export async function renderMetrics(status: SupernodeStatus): Promise<{ contentType: string; text: string }> {
  const registry = new Registry();
  const gauge = (name: string, help: string, value: number) =>
    new Gauge({ name: `overcall_supernode_${name}`, help, registers: [registry] }).set(value);
  const counter = (name: string, help: string, value: number) =>
    new Counter({ name: `overcall_supernode_${name}_total`, help, registers: [registry] }).inc(value);
  const counters = (name: string, help: string, label: string, values: Record<string, number>) => {
    const metric = new Counter({
      name: `overcall_supernode_${name}_total`,
      help,
      labelNames: [label],
      registers: [registry],
    });
    for (const [value, count] of Object.entries(values)) metric.inc({ [label]: value }, count);
  };
  gauge('ready', '1 when the supernode list names this supernode', Number(status.ready));
  gauge('directory_reachable', '1 when the directory answered last', Number(status.directory.reachable));
  gauge('list_version', 'Version of the newest supernode list', status.listVersion);
  gauge('attached', 'Softphones attached', status.attached);
  gauge('load', 'Share of the scarcest limit that is used, 0 to 1', status.load);
  gauge('waiting_attaches', 'Attaches that wait for their turn', status.waitingAttaches);
  gauge('control_connections', 'Open control connections', status.connections);
  gauge('datagram_connections', 'Open WebSockets for datagrams', status.datagramConnections);
  gauge('calls', 'Relay allocations', status.calls);
  gauge('calls_limit', 'Relay allocations allowed at once', status.maxCalls);
  gauge('mbps_limit', 'Mbit/s allowed to be relayed', status.maxMbps);
  gauge('pending_flows', 'Relay opens that wait for the other party', status.pendingFlows);
  gauge('overlay_calls', 'Relay allocations over other supernodes too', status.overlayCalls);
  gauge('transit_calls', 'Relay allocations between two other supernodes', status.transitCalls);
  gauge('index_records', 'Presence records kept for others', status.indexRecords);
  gauge('index_lookups', 'Lookups that wait for other supernodes', status.indexLookups);
  gauge('loop_flows', 'Flows of softphones to themselves, to probe the relay', status.loopFlows);
  counter('forwarded_datagrams', 'Datagrams relayed', status.forwardedDatagrams);
  counter('forwarded_bytes', 'UDP payload bytes relayed', status.forwardedBytes);
  gauge('month_bytes', 'UDP payload bytes relayed in this month (UTC)', status.monthBytes);
  if (status.maxMonthBytes !== null)
    gauge('month_bytes_limit', 'Bytes of a month after which no new calls are taken', status.maxMonthBytes);
  counters(
    'dial_backs',
    'Addresses of other supernodes tried, and requests refused',
    'outcome',
    status.dialBacks,
  );
  counter('stun_answers', 'STUN Binding answers', status.stunAnswers);
  counters('dropped_datagrams', 'Datagrams dropped', 'reason', status.dropped);
  counters('refused_control_messages', 'Control messages refused', 'code', status.refused);
  gauge('links', 'Supernodes that are linked', status.links.linked);
  gauge('link_connections', 'Connections for links, those of strangers too', status.links.connections);
  gauge('dead_supernodes', 'Supernodes that cannot be reached from here', status.links.dead);
  gauge('measurement_rows', 'Supernodes whose measurements are known', status.links.measurementRows);
  if (status.host !== null) hostMetrics(registry, status.host);
  const neighbourGauge = (name: string, help: string, of: (neighbour: NeighbourStatus) => number | null) => {
    const full = `overcall_supernode_${name}`;
    const metric = new Gauge({ name: full, help, labelNames: ['supernode'], registers: [registry] });
    for (const neighbour of status.neighbours) {
      const value = of(neighbour);
      if (value !== null) metric.set({ supernode: neighbour.name }, value);
    }
  };
  neighbourGauge('neighbour_linked', '1 when the link is up', ({ linked }) => Number(linked));
  neighbourGauge('neighbour_rtt_ms', 'Smoothed round trip over UDP', ({ rttMs }) => rttMs);
  neighbourGauge('neighbour_loss_pct', 'Smoothed loss in one direction', ({ lossPct }) => lossPct);
  counters('links', 'What was counted of links to other supernodes', 'what', status.linkCounts);
  counters('udp', 'What the UDP sockets counted', 'what', status.udpSockets);
  counters('control_server', 'What the control server counted', 'what', status.controlServer);
  counters('datagram_server', 'What the datagram server counted', 'what', status.datagramServer);
  const text = `${await registry.metrics()}\n${await processRegistry.metrics()}`;
  return { contentType: registry.contentType, text };
}

/** What the self-test found before the supernode joined; what is unknown is left out. */
function hostMetrics(registry: Registry, { checks, capacity }: HostReport): void {
  const labelled = (name: string, help: string, label: string, values: [string, number | null][]) => {
    const full = `overcall_supernode_self_test_${name}`;
    const metric = new Gauge({ name: full, help, labelNames: [label], registers: [registry] });
    for (const [of, value] of values) if (value !== null) metric.set({ [label]: of }, value);
  };
  const passed = checks.map(({ check, ok }): [string, number] => [check, Number(ok)]);
  labelled('ok', '1 when the host passed this check', 'check', passed);
  const found = checks.map(({ check, value = null }): [string, number | null] => [check, value]);
  labelled(
    'value',
    'Datagrams/s of a core, bytes, Mbit/s, ms that the clock is ahead, files',
    'check',
    found,
  );
  labelled('capacity', 'What the host can carry', 'of', Object.entries(capacity));
}
