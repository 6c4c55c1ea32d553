import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinkShaper } from './link-shaper.ts';
import type { LinkDirection } from './link-spec.ts';
import { seededRandom } from './random.test-support.ts';

const FLOW = 1;

/** Sends packets of one flow at equal distances; what becomes of each, as delays in ms. */
function delays(
  link: LinkDirection,
  { count = 50_000, everyMs = 20, bytes = 200, flows = 1, seed = 1 } = {},
): (readonly number[])[] {
  const shaper = new LinkShaper(link, seededRandom(seed));
  return Array.from({ length: count }, (_, i) => {
    const nowMs = i * everyMs;
    return shaper.handlePacket(bytes, i % flows, nowMs).map((atMs) => atMs - nowMs);
  });
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]) => {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
};
const lossOf = (results: readonly (readonly number[])[]) =>
  results.filter((each) => each.length === 0).length / results.length;

test('a link without fields passes everything at once', () => {
  expect(delays({}, { count: 3 })).toEqual([[0], [0], [0]]);
});

test('uniform jitter spreads evenly around the delay', () => {
  const seen = delays({ delayMs: 50, jitterMs: 10 }).flat();
  expect(mean(seen)).toBeCloseTo(50, 0);
  expect(deviation(seen)).toBeCloseTo(20 / Math.sqrt(12), 1);
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(40);
  expect(Math.max(...seen)).toBeLessThanOrEqual(60);
});

test('normal jitter has the deviation asked for and no negative delays', () => {
  const seen = delays({ delayMs: 50, jitterMs: 5, jitter: 'normal' }).flat();
  expect(mean(seen)).toBeCloseTo(50, 0);
  expect(deviation(seen)).toBeCloseTo(5, 0);
  const wide = delays({ delayMs: 10, jitterMs: 10, jitter: 'normal' }, { everyMs: 100 }).flat();
  expect(Math.min(...wide)).toBe(0);
  expect(mean(wide)).toBeCloseTo(10, 0);
});

test('many dense flows do not raise the mean delay, as they would in one queue', () => {
  const seen = delays({ delayMs: 50, jitterMs: 10 }, { everyMs: 0.5, flows: 40 }).flat();
  expect(Math.abs(mean(seen) - 50)).toBeLessThan(0.2);
});

test.for([1, 3, 10, 30])('loses %i%% of the packets, each by itself', (lossPct) => {
  const results = delays({ lossPct });
  expect(lossOf(results) * 100).toBeCloseTo(lossPct, 0);
  expect(meanBurst(results)).toBeCloseTo(100 / (100 - lossPct), 1);
});

test.for([
  [3, 4],
  [10, 5],
  [30, 8],
] as const)('loses %i%% in bursts of %i packets in the mean', ([lossPct, meanLength]) => {
  const results = delays({ lossPct, burst: { meanLength } }, { count: 300_000 });
  expect(Math.abs(lossOf(results) * 100 - lossPct) / lossPct).toBeLessThan(0.05);
  expect(Math.abs(meanBurst(results) - meanLength) / meanLength).toBeLessThan(0.05);
});

function meanBurst(results: readonly (readonly number[])[]): number {
  const text = results.map((each) => (each.length === 0 ? 'x' : '.')).join('');
  return mean(text.match(/x+/g)!.map((burst) => burst.length));
}

test('loss of 0 and of 100% are exact', () => {
  expect(lossOf(delays({ lossPct: 0 }))).toBe(0);
  expect(lossOf(delays({ lossPct: 100 }))).toBe(1);
});

test('a share of the packets overtakes, and a share arrives twice', () => {
  const results = delays({ delayMs: 30, reorderPct: 10, duplicatePct: 5 });
  expect((100 * results.filter(([first]) => first === 0).length) / results.length).toBeCloseTo(10, 0);
  expect((100 * results.filter((each) => each.length === 2).length) / results.length).toBeCloseTo(5, 0);
});

test('bandwidth spaces packets by their size', () => {
  const shaper = new LinkShaper({ kbitPerS: 64, delayMs: 5 }, seededRandom(1));
  // 80 bytes are 640 bits: 10 ms.
  expect(shaper.handlePacket(80, FLOW, 0)).toEqual([15]);
  expect(shaper.handlePacket(160, FLOW, 1)).toEqual([35]);
  expect(shaper.handlePacket(80, FLOW, 100)).toEqual([115]);
});

test('a full queue drops what comes, and nothing more than its length waits', () => {
  const shaper = new LinkShaper({ kbitPerS: 64, queueMs: 25 }, seededRandom(1));
  const departures = Array.from({ length: 6 }, () => shaper.handlePacket(80, FLOW, 0));
  expect(departures).toEqual([[10], [20], [30], [], [], []]);
  expect(shaper.handlePacket(80, FLOW, 10)).toEqual([40]);
});

test('sustained overload gets exactly the bandwidth through', () => {
  const seen = delays({ kbitPerS: 64, queueMs: 100 }, { everyMs: 5, bytes: 80, count: 10_000 });
  expect(1 - lossOf(seen)).toBeCloseTo(0.5, 2);
});

const anyLink = fc.record(
  {
    delayMs: fc.integer({ min: 0, max: 300 }),
    jitterMs: fc.integer({ min: 0, max: 100 }),
    jitter: fc.constantFrom('uniform' as const, 'normal' as const),
    lossPct: fc.integer({ min: 0, max: 100 }),
    duplicatePct: fc.integer({ min: 0, max: 100 }),
    kbitPerS: fc.integer({ min: 8, max: 100_000 }),
    queueMs: fc.integer({ min: 0, max: 500 }),
  },
  { requiredKeys: [] },
);
const packets = fc.array(
  fc.record({
    gapMs: fc.double({ min: 0, max: 50, noNaN: true }),
    bytes: fc.integer({ min: 20, max: 1500 }),
    flow: fc.integer({ min: 0, max: 3 }),
  }),
  { maxLength: 60 },
);

test('whatever the link: nothing leaves before it came, and each flow keeps its order', () => {
  fc.assert(
    fc.property(anyLink, packets, fc.integer(), (link, traffic, seed) => {
      const jitterMs = Math.min(link.jitterMs ?? 0, link.delayMs ?? 0);
      const shaper = new LinkShaper({ ...link, jitterMs }, seededRandom(seed));
      const lastByFlow = new Map<number, number>();
      let nowMs = 0;
      for (const { gapMs, bytes, flow } of traffic) {
        nowMs += gapMs;
        for (const atMs of shaper.handlePacket(bytes, flow, nowMs)) {
          expect(atMs).toBeGreaterThanOrEqual(nowMs);
          expect(atMs).toBeGreaterThanOrEqual(lastByFlow.get(flow) ?? 0);
          lastByFlow.set(flow, atMs);
        }
      }
    }),
  );
});

test('flows without end do not fill the memory, nor lose the order of those that live', () => {
  const shaper = new LinkShaper({ delayMs: 50, jitterMs: 50 }, seededRandom(1));
  let last = 0;
  for (let i = 0; i < 20_000; i++) {
    shaper.handlePacket(100, 1000 + i, i / 10);
    const [atMs] = shaper.handlePacket(100, FLOW, i / 10);
    expect(atMs).toBeGreaterThanOrEqual(last);
    last = atMs!;
  }
  expect(shaper.flowCount).toBeLessThan(2500);
});
