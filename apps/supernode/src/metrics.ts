import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { NeighbourStatus, SupernodeStatus } from './options.ts';
import type { HostReport } from './self-test/host-capacity.ts';

/** Process metrics are the same for everything in this process. */
const processRegistry = new Registry();
collectDefaultMetrics({ register: processRegistry });

/** Metrics of one look at a supernode. */
class MetricSet {
  readonly registry = new Registry();

  gauge(name: string, help: string, value: number): void {
    new Gauge({ name: `overcall_supernode_${name}`, help, registers: [this.registry] }).set(value);
  }

  counter(name: string, help: string, value: number): void {
    new Counter({ name: `overcall_supernode_${name}_total`, help, registers: [this.registry] }).inc(value);
  }

  /** One for each value of a label; what is unknown is left out. */
  gauges(name: string, help: string, label: string, values: [string, number | null][]): void {
    const full = `overcall_supernode_${name}`;
    const metric = new Gauge({ name: full, help, labelNames: [label], registers: [this.registry] });
    for (const [of, value] of values) if (value !== null) metric.set({ [label]: of }, value);
  }

  counters(name: string, help: string, label: string, values: Record<string, number>): void {
    const full = `overcall_supernode_${name}_total`;
    const metric = new Counter({ name: full, help, labelNames: [label], registers: [this.registry] });
    for (const [of, count] of Object.entries(values)) metric.inc({ [label]: of }, count);
  }
}

/** Prometheus text. Labels are reasons and codes, never users or addresses. */
export async function renderMetrics(status: SupernodeStatus): Promise<{ contentType: string; text: string }> {
  const metrics = new MetricSet();
  addState(metrics, status);
  addRelaying(metrics, status);
  addAnswers(metrics, status);
  addLinks(metrics, status);
  if (status.host !== null) addHost(metrics, status.host);
  addSockets(metrics, status);
  const { registry } = metrics;
  const text = `${await registry.metrics()}\n${await processRegistry.metrics()}`;
  return { contentType: registry.contentType, text };
}

function addState(metrics: MetricSet, status: SupernodeStatus): void {
  metrics.gauge(
    'ready',
    '1 when softphones may be sent here: /readyz says what is in the way',
    Number(status.ready),
  );
  metrics.gauge(
    'directory_reachable',
    '1 when the directory answered last',
    Number(status.directory.reachable),
  );
  metrics.gauge('list_version', 'Version of the newest supernode list', status.listVersion);
  metrics.gauge('attached', 'Softphones attached', status.attached);
  metrics.gauge('load', 'Share of the scarcest limit that is used, 0 to 1', status.load);
  metrics.gauge('waiting_attaches', 'Attaches that wait for their turn', status.waitingAttaches);
  metrics.gauge('control_connections', 'Open control connections', status.connections);
  metrics.gauge('datagram_connections', 'Open WebSockets for datagrams', status.datagramConnections);
}

function addRelaying(metrics: MetricSet, status: SupernodeStatus): void {
  metrics.gauge('calls', 'Relay allocations', status.calls);
  metrics.gauge('calls_limit', 'Relay allocations allowed at once', status.maxCalls);
  metrics.gauge('mbps_limit', 'Mbit/s allowed to be relayed', status.maxMbps);
  metrics.gauge('pending_flows', 'Relay opens that wait for the other party', status.pendingFlows);
  metrics.gauge('overlay_calls', 'Relay allocations over other supernodes too', status.overlayCalls);
  metrics.gauge('transit_calls', 'Relay allocations between two other supernodes', status.transitCalls);
  metrics.gauge('loop_flows', 'Flows of softphones to themselves, to probe the relay', status.loopFlows);
  metrics.counter('forwarded_datagrams', 'Datagrams relayed', status.forwardedDatagrams);
  metrics.counter('forwarded_bytes', 'UDP payload bytes relayed', status.forwardedBytes);
  metrics.gauge('month_bytes', 'UDP payload bytes relayed in this month (UTC)', status.monthBytes);
  if (status.maxMonthBytes !== null)
    metrics.gauge(
      'month_bytes_limit',
      'Bytes of a month after which no new calls are taken',
      status.maxMonthBytes,
    );
}

/** What others, softphones and supernodes, ask of it. */
function addAnswers(metrics: MetricSet, status: SupernodeStatus): void {
  metrics.gauge('index_records', 'Presence records kept for others', status.indexRecords);
  metrics.gauge('index_lookups', 'Lookups that wait for other supernodes', status.indexLookups);
  metrics.counters(
    'dial_backs',
    'Addresses of other supernodes tried, and requests refused',
    'outcome',
    status.dialBacks,
  );
  metrics.counter('stun_answers', 'STUN Binding answers', status.stunAnswers);
  metrics.counters('dropped_datagrams', 'Datagrams dropped', 'reason', status.dropped);
  metrics.counters('refused_control_messages', 'Control messages refused', 'code', status.refused);
}

function addLinks(metrics: MetricSet, status: SupernodeStatus): void {
  const ofEach = (value: (neighbour: NeighbourStatus) => number | null) =>
    status.neighbours.map((each): [string, number | null] => [each.name, value(each)]);
  metrics.gauge('links', 'Supernodes that are linked', status.links.linked);
  metrics.gauge(
    'link_connections',
    'Connections for links, those of strangers too',
    status.links.connections,
  );
  metrics.gauge('dead_supernodes', 'Supernodes that cannot be reached from here', status.links.dead);
  metrics.gauge('measurement_rows', 'Supernodes whose measurements are known', status.links.measurementRows);
  metrics.gauges(
    'neighbour_linked',
    '1 when the link is up',
    'supernode',
    ofEach(({ linked }) => Number(linked)),
  );
  metrics.gauges(
    'neighbour_rtt_ms',
    'Smoothed round trip over UDP',
    'supernode',
    ofEach(({ rttMs }) => rttMs),
  );
  metrics.gauges(
    'neighbour_loss_pct',
    'Smoothed loss in one direction',
    'supernode',
    ofEach(({ lossPct }) => lossPct),
  );
  metrics.counters('links', 'What was counted of links to other supernodes', 'what', status.linkCounts);
}

function addSockets(metrics: MetricSet, status: SupernodeStatus): void {
  metrics.counters('udp', 'What the UDP sockets counted', 'what', status.udpSockets);
  metrics.counters('control_server', 'What the control server counted', 'what', status.controlServer);
  metrics.counters('datagram_server', 'What the datagram server counted', 'what', status.datagramServer);
}

/** What the self-test found before the supernode joined, and of its clock since; what is unknown is left out. */
function addHost(metrics: MetricSet, { checks, capacity }: HostReport): void {
  const passed = checks.map(({ check, ok }): [string, number] => [check, Number(ok)]);
  metrics.gauges('self_test_ok', '1 when the host passed this check', 'check', passed);
  const found = checks.map(({ check, value = null }): [string, number | null] => [check, value]);
  const units = 'Datagrams/s of a core, bytes, Mbit/s, ms that the clock is ahead, files';
  metrics.gauges('self_test_value', units, 'check', found);
  metrics.gauges('self_test_capacity', 'What the host can carry', 'of', Object.entries(capacity));
}
