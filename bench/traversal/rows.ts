import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CallReport,
  examineNetwork,
  type LabSpec,
  loadScenario,
  type MatrixResult,
  NAT_KIND_NAMES,
  readKinds,
  runMatrix,
  runScenario,
  shippedScenarios,
  withLinks,
} from '@overcall/nat-lab';
import { percentile } from '../percentile.ts';
import { directAfterOf, firstAudioOf, gapOf, isHeard, lossOf, spread } from './figures.ts';
import { callSeries } from './series.ts';

/** Of each access link, one way, ms: 40 ms of round trip between clients. */
const DELAY_MS = 10;

export interface Row {
  what: string;
  /** From goals.md. */
  target: string;
  measured: string;
  tries: number;
  isReached: boolean;
}

interface Context {
  tries: number;
  progress: (text: string) => void;
}

type Measure = (context: Context) => Promise<Row[]>;

/** Two NATs, and the supernodes and the directory that both can reach; nothing is dropped. */
function pairOf(aliceNat: object, bobNat: object): LabSpec {
  const spec = loadScenario('rebind');
  const [a, b] = spec.nats!;
  const { events: _, call: __, ...rest } = spec;
  const hosts = [...spec.hosts, { name: 'supernode-b', address: '203.0.113.30' }];
  return withLinks(
    {
      ...rest,
      hosts,
      nats: [
        { ...a!, ...aliceNat },
        { ...b!, ...bobNat },
      ],
    } as LabSpec,
    { delayMs: DELAY_MS },
  );
}
const CONE = { mapping: 'eim', filtering: 'apdf' };
const SYMMETRIC = { mapping: 'apdm', filtering: 'apdf', ports: 'random' };
const SEQUENTIAL = { mapping: 'apdm', filtering: 'apdf', ports: 'sequential' };

async function matrixOf(kinds: string, { progress }: Context): Promise<MatrixResult> {
  const folder = mkdtempSync(join(tmpdir(), 'overcall-bench-'));
  try {
    return await runMatrix(
      { kinds: readKinds(kinds), seconds: 8, jobs: 4, tries: 1, link: { delayMs: DELAY_MS } },
      folder,
      (event, { done, of }: { done?: number; of?: number }) => {
        if (event === 'cell') progress(`pair ${done} of ${of}`);
      },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const reportsOf = (matrix: MatrixResult): CallReport[] =>
  matrix.cells.flatMap(({ tries }) => tries.flatMap(({ report }) => report ?? []));

/** Every pair of NAT kinds, then every firewall and every IPv6 network. */
const everywhere: Measure = async (context) => {
  const matrix = await matrixOf(NAT_KIND_NAMES.join(','), context);
  const reports = reportsOf(matrix);
  const pairs = matrix.cells.length;
  const heard = reports.filter(isHeard).length;
  const direct = reports.filter(({ timeToDirectMs }) => timeToDirectMs !== null).length;
  const specs = shippedScenarios().filter(({ name = '' }) => /^(firewall|ipv6|double-nat)/.test(name));
  const silent: string[] = [];
  for (const spec of specs) {
    const name = String(spec.name);
    context.progress(name);
    const folder = mkdtempSync(join(tmpdir(), 'overcall-bench-'));
    const { outcome } = await runScenario({ ...spec, name }, folder, () => {}, {});
    if (outcome !== 'passed') silent.push(name);
    rmSync(folder, { recursive: true, force: true });
  }
  const all = pairs + specs.length;
  const audio = heard + specs.length - silent.length;
  return [
    {
      what: `audio both ways: all ${pairs} pairs of NAT kinds, double NAT, firewalls, IPv6 only`,
      target: '100 %',
      measured: `${audio} of ${all}${silent.length > 0 ? ` (not: ${silent.join(', ')})` : ''}; direct in ${direct} of the ${pairs} pairs`,
      tries: all,
      isReached: audio === all,
    },
  ];
};

const fourByFour: Measure = async (context) => {
  const matrix = await matrixOf('eim-eif,eim-adf,eim-apdf,apdm-apdf:random', context);
  const direct = reportsOf(matrix).filter(({ timeToDirectMs }) => timeToDirectMs !== null).length;
  return [
    {
      what: 'direct pairs of the 4 x 4 matrix',
      target: '15 of 16',
      measured: `${direct} of 16`,
      tries: 16,
      isReached: direct >= 15,
    },
  ];
};

/** Calls between two NATs until they are direct. */
const pairRow =
  (
    what: string,
    nats: [object, object],
    target: string,
    seconds: number,
    limits: [share: number, ms: number][],
  ): Measure =>
  async ({ tries, progress }) => {
    const reports = await callSeries({ spec: pairOf(...nats), tries, seconds, progress });
    const times = reports.map(directAfterOf);
    const losses = reports.map(lossOf);
    const direct = times.filter(Number.isFinite).length;
    const rows = [
      {
        what: `${what}: direct after the answer`,
        target,
        measured: `${direct} of ${tries}; ${spread(times)}`,
        tries,
        isReached: limits.every(([share, ms]) => percentile(times, share) <= ms),
      },
    ];
    const lossy = losses.filter((loss) => loss > 0).length;
    const lost = {
      what: `${what}: packets lost in the call, the switch from relay to direct included`,
      target: '0',
      measured: lossy === 0 ? '0' : `in ${lossy} calls, at most ${Math.max(...losses)} %`,
      tries,
      isReached: lossy === 0,
    };
    return [...rows, lost];
  };

/** The longest time without sound in calls to which something happens. */
const gapRow =
  (
    what: string,
    limitMs: number,
    events: Parameters<typeof callSeries>[0]['events'],
    spec: LabSpec = pairOf(CONE, CONE),
  ): Measure =>
  async ({ tries, progress }) => {
    const reports = await callSeries({ spec, tries, seconds: 5, progress, ...(events ? { events } : {}) });
    const gaps = reports.map(gapOf);
    const losses = reports.map(lossOf);
    return [
      {
        what: `${what}: longest gap`,
        target: `p95 <= ${limitMs} ms`,
        measured: `${spread(gaps)}; packets lost: ${spread(losses, '%')}`,
        tries,
        isReached: percentile(gaps, 0.95) <= limitMs,
      },
    ];
  };

const blocked = (): ReturnType<NonNullable<Parameters<typeof callSeries>[0]['events']>> => ({
  during: [
    { do: 'block', from: 'nat-a', to: 'nat-b' },
    { do: 'block', from: 'nat-b', to: 'nat-a' },
  ],
  after: [
    { do: 'unblock', from: 'nat-a', to: 'nat-b' },
    { do: 'unblock', from: 'nat-b', to: 'nat-a' },
  ],
});

/** Home and a mobile network that maps as a cone, in turns. */
function roamingSpec(): LabSpec {
  const spec = pairOf(CONE, CONE);
  const mobile = { name: 'mobile', address: '198.51.100.3', inside: '100.64.0.0/24', ...CONE };
  return withLinks({ ...spec, nats: [...spec.nats!, mobile] } as LabSpec, { delayMs: DELAY_MS });
}

const udpBlocked: Measure = async ({ tries, progress }) => {
  const { events: _, call: __, ...spec } = loadScenario('firewall-udp-blocked');
  const linked = withLinks(spec as LabSpec, { delayMs: DELAY_MS });
  const reports = await callSeries({ spec: linked, tries, seconds: 2, progress });
  const times = reports.map(firstAudioOf);
  return [
    {
      what: 'UDP blocked: both are heard after the answer',
      target: '<= 1000 ms',
      measured: spread(times),
      tries,
      isReached: percentile(times, 1) <= 1000,
    },
  ];
};

/** `overcall doctor` at every host that calls, in every scenario that has a directory to ask. */
const doctor: Measure = async ({ progress }) => {
  const specs = shippedScenarios().filter(({ hosts }) => hosts.some(({ name }) => name === 'directory'));
  const examinations = [];
  const wrong: string[] = [];
  for (const spec of specs) {
    const hosts = spec.hosts.map(({ name }) => name).filter((name) => name === 'alice' || name === 'bob');
    const found = await examineNetwork(spec, hosts);
    for (const { host, faults } of found)
      if (faults.length > 0) wrong.push(`${spec.name}, ${host}: ${faults.join(', ')}`);
    examinations.push(...found);
    progress(`${spec.name}, ${wrong.length} wrong so far`);
  }
  const times = examinations.map(({ tookMs }) => tookMs);
  const all = examinations.length;
  return [
    {
      what: `\`doctor\` at both ends of all ${specs.length} scenarios`,
      target: '<= 2 s, every verdict right in every lab scenario',
      measured: `${all - wrong.length} of ${all} all right${wrong.length > 0 ? ` (not: ${wrong.join('; ')})` : ''}; ${spread(times)}`,
      tries: all,
      isReached: wrong.length === 0 && percentile(times, 1) <= 2000,
    },
  ];
};

/** By the names that `--only` takes. */
export const MEASURES: Record<string, Measure> = {
  everywhere,
  '4x4': fourByFour,
  cones: pairRow('cone to cone', [CONE, CONE], 'p95 <= 200 ms', 3, [[0.95, 200]]),
  symmetric: pairRow(
    'random symmetric to port-restricted',
    [SYMMETRIC, CONE],
    'p95 <= 2 s, 99.5 % by 4 s',
    6,
    [
      [0.95, 2000],
      [0.995, 4000],
    ],
  ),
  sequential: pairRow(
    'sequential symmetric to sequential symmetric',
    [SEQUENTIAL, SEQUENTIAL],
    '>= 95 % within 3 s',
    5,
    [[0.95, 3000]],
  ),
  dead: gapRow('direct path goes dead both ways', 120, blocked),
  'dead-one-way': gapRow('direct path goes dead one way', 120, () => ({
    during: blocked().during.slice(0, 1),
    after: blocked().after.slice(0, 1),
  })),
  rebind: gapRow('NAT mapping lost mid-call', 150, () => ({
    during: [{ do: 'rebind', nat: 'nat-a' }],
    after: [],
  })),
  roaming: gapRow(
    'roaming to another network',
    300,
    () => ({
      during: [{ do: 'roam', host: 'alice', behind: 'mobile', address: '100.64.0.20' }],
      after: [{ do: 'roam', host: 'alice', behind: 'nat-a', address: '192.168.1.10' }],
    }),
    roamingSpec(),
  ),
  'udp-blocked': udpBlocked,
  doctor,
};
