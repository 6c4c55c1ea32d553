import { generateSigningKey } from '@overcall/identity';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { TestNetwork } from '../network.test-support.ts';
import { StatusReporter } from './status-reporter.ts';

const NOTHING = { relayUdp: 0, relayTcp: 0, overlay: 0 };

it('appears on the page of the directory, unless its operator wants it to tell nothing', async () => {
  const network = await TestNetwork.start();
  onTestFinished(() => network.close());
  await network.supernode('teller');
  await network.supernode('hermit', { report: false });
  // The first report comes within 5 s, and a page is kept for 5 s.
  await vi.waitFor(
    async () => {
      const { body } = await network.directory.app.inject({ method: 'GET', url: '/' });
      const row = (name: string) => new RegExp(`<tr><td>${name}.*`).exec(body)![0];
      expect(row('teller')).toContain('<span class="state up">');
      expect(row('hermit')).toMatch(/<span class="state (silent|linked)">/);
      expect(row('hermit')).toContain('<td>not told</td>');
    },
    { timeout: 40_000, interval: 500 },
  );
}, 60_000);

describe('between reports', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** When it looked, and when it reported, in ms since the start, while the directory says nothing. */
  async function within(ms: number, chance: number): Promise<{ looks: number[]; reports: number[] }> {
    const startMs = Date.now();
    const looks: number[] = [];
    const reports: number[] = [];
    const reporter = new StatusReporter({
      key: await generateSigningKey(),
      id: 'id',
      directory: () => null,
      look: () => void looks.push(Date.now() - startMs),
      facts: () => {
        reports.push(Date.now() - startMs);
        return { draining: false, load: 0, room: 0, carried: NOTHING, neighbours: [] };
      },
      random: () => chance,
      log: pino({ level: 'silent' }),
    });
    reporter.start();
    await vi.advanceTimersByTimeAsync(ms);
    reporter.close();
    return { looks, reports };
  }

  it('looks three times, evenly', async () => {
    expect(await within(63_000, 0.5)).toEqual({
      looks: [1000, 2000, 3000, 23_000, 43_000, 63_000],
      reports: [3000, 63_000],
    });
  });

  it.each([
    [0.05, [1200, 55_800, 110_400]],
    [0.95, [4800, 70_200]],
  ])('is a time that chance has its part in (%d)', async (chance, reports) => {
    expect((await within(120_000, chance)).reports).toEqual(reports);
  });
});
