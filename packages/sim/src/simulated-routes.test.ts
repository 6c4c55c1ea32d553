import { expect, it } from 'vitest';
import { playRoutes } from './simulated-routes.test-support.ts';

const NETWORKS = 25;
/** goals: within 2 points of R of the best way there is, with at most 2 kbit/s of probes a call. */
const NEARLY_BEST_R = 2;
const MOST_PROBES_KBPS = 2;

it('finds a way as good as the best in nearly all random networks of twelve supernodes', () => {
  const runs = Array.from({ length: NETWORKS }, (_, seed) => playRoutes(seed + 1));
  const poor = runs.flatMap(({ bestR, usedR }, seed) => (bestR - usedR > NEARLY_BEST_R ? [seed + 1] : []));
  expect(poor.length, `seeds ${poor}`).toBeLessThanOrEqual(NETWORKS * 0.05);
  for (const { probeKbps } of runs) expect(probeKbps).toBeLessThanOrEqual(MOST_PROBES_KBPS);
  // Else the networks would be too easy to tell anything.
  const poorNearest = runs.filter(({ bestR, nearestR }) => bestR - nearestR > NEARLY_BEST_R);
  expect(poorNearest.length).toBeGreaterThan(NETWORKS / 4);
});
