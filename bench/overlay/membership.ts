import { MembershipSim } from '../../packages/overlay/src/links/membership-sim.test-support.ts';

/**
 * State and traffic of one supernode in networks of several sizes, and what is left of the graph of links when three in ten
 * die: `node bench/overlay/membership.ts [SUPERNODES...]`, on a virtual clock. See docs/overlay.md.
 */
const counts = process.argv.slice(2).map(Number);
const SECONDS = 30;

for (const count of counts.length > 0 ? counts : [50, 500, 5000]) {
  const sim = new MembershipSim(count, count);
  sim.run(SECONDS * 500);
  sim.resetBytes();
  sim.run(SECONDS * 500);
  const { most, median } = sim.traffic(SECONDS * 500);
  const max = (of: (index: number) => number) => Math.max(...sim.nodes.map(({ index }) => of(index)));
  const links = max((index) => sim.linked(sim.nodes[index]!).length);
  const rows = max((index) => sim.nodes[index]!.membership.rows.size);
  const meters = max((index) => sim.nodes[index]!.membership.prober.size);
  const before = sim.connectedShare();
  sim.kill(sim.nodes.filter(() => sim.random.happens(30)));
  const atOnce = sim.connectedShare();
  sim.run(10_000);
  const after = sim.connectedShare();
  const result = { supernodes: count, medianBytesPerS: Math.round(median), mostBytesPerS: Math.round(most) };
  const connected = { before, atOnce, after };
  process.stdout.write(`${JSON.stringify({ ...result, links, rows, meters, connected })}\n`);
}
