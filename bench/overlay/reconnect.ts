/**
 * Everybody comes at once: 10,000 softphones lose their control connections within a second while 30% of 100 supernodes
 * die. Run with `node bench/overlay/reconnect.ts [--softphones N] [--supernodes N] [--seed N] [--limits default|small]`; put what it prints into RESULTS.md
 * beside it. Virtual time: the figures do not depend on the machine.
 */
import { parseArgs } from 'node:util';
import { DEFAULT_ATTACH_GATE } from '@overcall/overlay';
import { type ReconnectOptions, type ReconnectResult, reconnectAtOnce } from '@overcall/sim/reconnect';
import { percentile } from '../percentile.ts';

const { values } = parseArgs({
  options: {
    softphones: { type: 'string', default: '10000' },
    supernodes: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    limits: { type: 'string', default: '' },
  },
});
const crowd = {
  softphones: Number(values.softphones),
  supernodes: Number(values.supernodes),
  killedPct: 30,
  seed: Number(values.seed),
};
/** Half as many again as there is room for when all are spread evenly over those that are left. */
const maxAttached = Math.ceil(((2 * crowd.softphones) / (crowd.supernodes * 0.7)) * 1.5);

const cases: [string, ReconnectOptions][] = [
  [
    'default limits: 100 attaches/s, 200 connections/s',
    {
      ...crowd,
      maxAttached,
      attaches: DEFAULT_ATTACH_GATE,
      connections: { perSecond: 200, burst: 200 },
    },
  ],
  [
    'small hosts: 10 attaches/s, 20 connections/s',
    {
      ...crowd,
      maxAttached,
      attaches: { checks: { perSecond: 10, burst: 5 }, maxWaitMs: 3000 },
      connections: { perSecond: 20, burst: 20 },
    },
  ],
];

function row(name: string, options: ReconnectOptions, result: ReconnectResult): string {
  const at = (times: number[], share: number) => (percentile(times, share) / 1000).toFixed(1);
  const times = (list: number[]) => `${at(list, 0.5)} / ${at(list, 0.95)} / ${at(list, 1)} s`;
  const share = (value: number) => `${value.toFixed(2)} x`;
  return [
    name,
    `${result.backMs.length} of ${options.softphones}: ${times(result.backMs)}`,
    times(result.bothMs),
    share(result.worstAttachRate),
    share(result.worstConnectionRate),
    `${share(result.worstAttached)} of ${options.maxAttached}`,
    `${result.attempts}, ${result.shed} told to come later`,
    `${result.mostMeasurements}/s`,
  ].join(' | ');
}

const head = [
  'limits of a supernode',
  'attached again (p50 / p95 / last)',
  'spare too',
  'most attaches/s, of the limit',
  'most new connections/s',
  'most attached',
  'attempts',
  'most STUN requests',
];
process.stdout.write(
  `${crowd.softphones} softphones, ${crowd.supernodes} supernodes, 30% of them killed, seed ${crowd.seed}\n\n`,
);
process.stdout.write(`| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}\n`);
for (const [name, options] of cases.filter(([name]) => name.startsWith(values.limits)))
  process.stdout.write(`| ${row(name, options, reconnectAtOnce(options))} |\n`);
