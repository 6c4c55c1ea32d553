import { type Lab, type Link, startLab } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { describeLab } from './describe-lab.ts';
import { type Arrival, mean, measure, standardDeviation, type Traffic, undisturbed } from './measure-link.ts';

// What is asked for and what is measured, from the sender's call to the kernel's time stamp at the receiver. Shares
// have four standard deviations of chance: that they are right to the last is shown by the unit tests of the shaper.

await describeLab('what a link does is what was asked for:', () => {
  let lab: Lab;
  afterEach(() => lab.close());

  async function arrivalsOver(link: Link, traffic: Traffic, longestDelayMs: number): Promise<Arrival[]> {
    lab = await startLab({
      hosts: [
        { name: 'linked', address: '203.0.113.1' },
        { name: 'other', address: '203.0.113.2' },
      ],
      links: [{ node: 'linked', up: link }],
    });
    return undisturbed(() => measure(lab, 'linked', 'other', traffic, longestDelayMs));
  }

  const delaysOf = (arrivals: Arrival[]) => arrivals.map(({ delayMs }) => delayMs);

  /** Within so many percent. */
  function expectNear(measured: number, asked: number, percent: number): void {
    expect(Math.abs(measured / asked - 1) * 100, `${measured} instead of ${asked}`).toBeLessThan(percent);
  }

  function expectShare(count: number, of: number, share: number): void {
    const chance = 4 * Math.sqrt(of * share * (1 - share));
    expect(Math.abs(count - of * share), `${count} of ${of} instead of ${share}`).toBeLessThan(chance);
  }

  // Each flow leaves 20 ms between its packets, as calls do.
  const CALLS = { count: 2500, flows: 50, perSecond: 2500, bytes: 100 };

  test('50 +- 10 ms and 3% loss', async () => {
    const delays = delaysOf(await arrivalsOver({ delayMs: 50, jitterMs: 10, lossPct: 3 }, CALLS, 60));
    expectNear(mean(delays), 50, 2);
    expectNear(standardDeviation(delays), 10 / Math.sqrt(3), 5);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(40);
    expectShare(CALLS.count - delays.length, CALLS.count, 0.03);
  });

  test('80 ms with a standard deviation of 4 ms', async () => {
    const link = { delayMs: 80, jitterMs: 4, jitter: 'normal' } as const;
    const delays = delaysOf(await arrivalsOver(link, CALLS, 100));
    expect(delays.length).toBe(CALLS.count);
    expectNear(mean(delays), 80, 2);
    expectNear(standardDeviation(delays), 4, 10);
  });

  test('20% loss in bursts of 5 packets', async () => {
    const traffic = { count: 20_000, perSecond: 5000, bytes: 20 };
    const arrivals = await arrivalsOver({ lossPct: 20, burst: { meanLength: 5 } }, traffic, 0);
    const gaps = arrivals.slice(1).map(({ number }, index) => number - arrivals[index]!.number - 1);
    const bursts = gaps.filter((gap) => gap > 0);
    // Of a geometric distribution with this mean.
    const deviation = Math.sqrt(5 * 4);
    expect(Math.abs(mean(bursts) - 5)).toBeLessThan((4 * deviation) / Math.sqrt(bursts.length));
    // Bursts are what varies: about 800 of them, each with the two deviations of its length and of the gap before it.
    expect(Math.abs(1 - arrivals.length / traffic.count - 0.2)).toBeLessThan(0.04);
  });

  test('20% twice and 20% ahead of the others', async () => {
    const traffic = { count: 4000, perSecond: 2000 };
    const arrivals = await arrivalsOver({ delayMs: 30, reorderPct: 20, duplicatePct: 20 }, traffic, 30);
    const once = new Map(arrivals.map((arrival) => [arrival.number, arrival]));
    expect(once.size).toBe(traffic.count);
    expectShare(arrivals.length - once.size, traffic.count, 0.2);
    const ahead = [...once.values()].filter(({ delayMs }) => delayMs < 15);
    expectShare(ahead.length, traffic.count, 0.2);
  });

  test('64 kbit/s and a queue of 160 ms', async () => {
    // 128 bytes with UDP and IP headers: 16 ms each. 62.5 pass in a second, 200 are sent, 10 wait.
    const traffic = { count: 300, perSecond: 200, bytes: 100 };
    const arrivals = await arrivalsOver({ kbitPerS: 64, queueMs: 160 }, traffic, 200);
    const spanMs = arrivals.at(-1)!.arrivedAtMs - arrivals[0]!.arrivedAtMs;
    expectNear(spanMs / (arrivals.length - 1), 16, 2);
    // What has just not waited too long arrives after its wait and its own 16 ms.
    const longest = delaysOf(arrivals).toSorted((a, b) => a - b)[Math.floor(0.9 * arrivals.length)]!;
    expect(longest).toBeGreaterThan(155);
    expect(longest).toBeLessThan(181);
  });
});
