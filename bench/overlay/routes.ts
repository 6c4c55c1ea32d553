/**
 * How near the planned ways of calls come to the best there are, in random networks of supernodes (simulated, seeded). Run with
 * `node bench/overlay/routes.ts [--networks 100] [--supernodes 12]`.
 */
import { parseArgs } from 'node:util';
import { playRoutes } from '@overcall/sim/routes';
import { percentile } from '../percentile.ts';

const { values } = parseArgs({
  options: { networks: { type: 'string', default: '100' }, supernodes: { type: 'string', default: '12' } },
});
const runs = Array.from({ length: Number(values.networks) }, (_, index) =>
  playRoutes(index + 1, Number(values.supernodes)),
);
const planned = runs.map(({ bestR, usedR }) => bestR - usedR);
const nearest = runs.map(({ bestR, nearestR }) => bestR - nearestR);
const row = (what: string, gaps: number[]) =>
  `| ${what} | ${gaps.filter((gap) => gap <= 2).length} of ${gaps.length} | ${[0.5, 0.95, 1].map((share) => percentile(gaps, share).toFixed(1)).join(' / ')} |`;
process.stdout.write(`| way in use after 30 s | within 2 points of R of the best | points below the best: median / p95 / max |
|---|---|---|
${row('planned', planned)}
${row('over the supernode nearest to the caller', nearest)}

Probes over ways that carry no audio: at most ${Math.max(...runs.map(({ probeKbps }) => probeKbps)).toFixed(2)} kbit/s a call, one direction. Seeds 1 to ${runs.length}.
`);
