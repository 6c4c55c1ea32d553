import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { findProgram } from '../tools.ts';
import type { LinkDirection } from './link-spec.ts';
import { isNetemAskedFor, netemArguments } from './netem.ts';

const CASES: [LinkDirection, string][] = [
  [{}, 'netem limit 100000'],
  [{ delayMs: 50 }, 'netem limit 100000 delay 50ms'],
  [{ delayMs: 50, jitterMs: 10, lossPct: 3 }, 'netem limit 100000 delay 50ms 10ms loss random 3%'],
  [{ delayMs: 50, jitterMs: 5, jitter: 'normal' }, 'netem limit 100000 delay 50ms 5ms distribution normal'],
  // Bursts of 5: one in five packets of a burst is the last. 10% of the time in bursts: 2.2222% of the others begin one.
  [{ lossPct: 10, burst: { meanLength: 5 } }, 'netem limit 100000 loss gemodel 2.2222% 20.0000%'],
  [
    { delayMs: 30, reorderPct: 20, duplicatePct: 1.5 },
    'netem limit 100000 delay 30ms duplicate 1.5% reorder 20%',
  ],
  // 200 ms of queue at 62.5 packets of a call a second are 12.5 packets.
  [{ kbitPerS: 64 }, 'netem limit 13 rate 64kbit -14'],
];

test.for(CASES)('%j is for tc: %s', ([direction, expected]) => {
  expect(netemArguments(direction).join(' ')).toBe(expected);
});

const tc = findProgram('tc');
test.runIf(tc !== null)(`tc understands all of it${tc ? '' : ' [tc is not installed]'}`, () => {
  const complaintOf = (args: readonly string[]) =>
    spawnSync(tc!, ['qdisc', 'replace', 'dev', 'no-such-device', 'root', ...args], { encoding: 'utf8' })
      .stderr;
  // It reads its arguments before it looks for the device.
  expect(complaintOf(['netem', 'limit', 'many'])).toBe('Illegal "limit"\n');
  for (const [direction] of CASES)
    expect(complaintOf(netemArguments(direction))).toBe('Cannot find device "no-such-device"\n');
});

test('user-space links are the default, and a mistake in LAB_LINKS is one', async () => {
  expect(await isNetemAskedFor({})).toBe(false);
  await expect(isNetemAskedFor({ LAB_LINKS: 'kernel' })).rejects.toMatchObject({ code: 'bad-scenario' });
});
