import { type DiscoveryReport, UNKNOWN_NAT } from '@overcall/traversal';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { NatWatch } from './nat-watch.ts';

/** Discoveries that were begun: when they are to end, and whether they were stopped. */
const runs: { end(report: DiscoveryReport): void; isStopped: boolean }[] = [];

vi.mock('./run-discovery.ts', () => ({
  discoveryServers: async () => [],
  runDiscovery: () => {
    const { promise: done, resolve: end } = Promise.withResolvers<DiscoveryReport>();
    const run = { end, isStopped: false };
    runs.push(run);
    return { done, stop: () => (run.isStopped = true) };
  },
}));

const REPORT: DiscoveryReport = {
  nat: UNKNOWN_NAT,
  udp: 'open',
  publicAddresses: [],
  hairpin: 'unknown',
  rttMs: 1,
  tookMs: 1,
};
/** Whatever is to happen at once has happened after that. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

let inUse: number;
let watch: NatWatch;
beforeEach(() => {
  runs.length = 0;
  inUse = 0;
  watch = new NatWatch({ servers: () => [], inUse: () => inUse, bindAddress: undefined, onReport: () => {} });
});
afterEach(() => watch.close());

/** A supernode has attached. */
function attach(): void {
  inUse++;
  watch.refresh();
}

it('discovers once when two supernodes attach at the same moment, and again only afterwards', async () => {
  attach();
  attach();
  await settled();
  expect(runs).toHaveLength(1);
  runs[0]!.end(REPORT);
  await settled();
  expect(runs).toHaveLength(2);
});

it('stops what runs when it is closed, and begins nothing more', async () => {
  attach();
  await settled();
  watch.close();
  attach();
  await settled();
  expect(runs.map(({ isStopped }) => isStopped)).toEqual([true]);
});

it('begins nothing when it is closed while it looks for servers', async () => {
  attach();
  watch.close();
  await settled();
  expect(runs).toEqual([]);
});
