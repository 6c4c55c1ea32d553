import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What /metrics shows. No user name and no address ever becomes a label. */
export interface Metrics {
  registry: Registry;
  requestSeconds: Histogram<'route' | 'status'>;
  refusals: Counter<'code'>;
  registrations: Counter<'kind'>;
  listVersion: Gauge;
}

export function createMetrics(options: { process: boolean }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.process) collectDefaultMetrics({ register: registry });
  return {
    registry,
    requestSeconds: new Histogram({
      name: 'overcall_directory_request_seconds',
      help: 'Time to answer a request',
      labelNames: ['route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    refusals: new Counter({
      name: 'overcall_directory_refusals_total',
      help: 'Requests that were refused, by the code of the answer',
      labelNames: ['code'],
      registers,
    }),
    registrations: new Counter({
      name: 'overcall_directory_certificates_total',
      help: 'Certificates issued to new users and renewed ones',
      labelNames: ['kind'],
      registers,
    }),
    listVersion: new Gauge({
      name: 'overcall_directory_list_version',
      help: 'Version of the supernode list that was handed out last',
      registers,
    }),
  };
}
