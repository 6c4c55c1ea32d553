import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LabSpec, loadScenario, runScenario, shippedScenarios } from '@overcall/nat-lab';
import { test } from 'vitest';
import { atOnce } from '../nat-lab/at-once.ts';
import { describeLab } from '../nat-lab/describe-lab.ts';

/** Calls that the softphone cannot place yet, or not directly, and what it needs. Whoever brings that takes the line away. */
const NOT_YET: Record<string, string> = {};

/** Calls that succeed on most days. */
const UNSTEADY: Record<string, string> = {
  natPairBursts: 'under loss, attaching takes longer than a softphone waits for an answer',
  natPairBurstsLong: 'under loss, attaching takes longer than a softphone waits for an answer',
  natPairLoss30: 'under loss, attaching takes longer than a softphone waits for an answer',
  natPairWorst: 'under loss, attaching takes longer than a softphone waits for an answer',
  natPairLossy: 'under loss, attaching takes longer than a softphone waits for an answer',
};

/** Calls that may have any length are cut short. */
const SHORT_S = 4;

/**
 * On a machine that is busy with other tests, programs wait for their turn: gaps of 2 s were seen where one packet was lost, and a
 * supernode was left after 1.6 s instead of 0.3. What takes so many times as long as it may is broken all the same.
 */
const BUSY = { gap: 10, leaves: 8, detaches: 2 };
const BUSY_GAP_MS = 4000;
// And what is read late looks like a silent or a long path: that a direct one is found is asked for, not that it is never left in these seconds.

const slower = <Demand extends { withinMs?: number }>(demand: Demand, times: number): Demand =>
  demand.withinMs === undefined ? demand : { ...demand, withinMs: demand.withinMs * times };

const brief = (spec: LabSpec & { name: string }): LabSpec & { name: string } => {
  if (!spec.call) return spec;
  const { maxGapMs, leaves, detaches, ...call } = spec.call;
  return {
    ...spec,
    call: {
      seconds: SHORT_S,
      ...call,
      ...(maxGapMs === undefined ? {} : { maxGapMs: Math.max(maxGapMs * BUSY.gap, BUSY_GAP_MS) }),
      ...(leaves === undefined ? {} : { leaves: slower(leaves, BUSY.leaves) }),
      ...(detaches === undefined ? {} : { detaches: slower(detaches, BUSY.detaches) }),
    },
  };
};

/** Long ones first, so that they do not hold up the end. */
const SCENARIOS = [...shippedScenarios(), loadScenario('pair:eim-apdf,apdm-apdf')]
  .map(brief)
  .sort((a, b) => (b.call?.seconds ?? 0) - (a.call?.seconds ?? 0));

/** With more at once, and the lab's own tests beside, programs on two cores wait so long for their turn that calls suffer. */
const AT_ONCE = 2;

await describeLab('shipped scenarios', () => {
  const inTurn = atOnce(AT_ONCE);

  // A machine that is busy for seconds starves a call of four: what is broken is so twice.
  test.concurrent.for(SCENARIOS)('$name', { timeout: 300_000 }, async (spec, { expect }) => {
    const folder = mkdtempSync(join(tmpdir(), 'nat-lab-shipped-'));
    try {
      const { outcome, reasons } = await inTurn(() =>
        runScenario(spec, folder, () => {}, { requireDirect: 'once' }),
      );
      const why = NOT_YET[spec.name];
      const wanted = spec.name in UNSTEADY && outcome !== 'lab' ? outcome : why ? 'failed' : 'passed';
      expect(outcome, [why, ...reasons].join('; ')).toBe(wanted);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('the lists name scenarios that there are', ({ expect }) => {
    const names = SCENARIOS.map(({ name }) => name);
    for (const name of [...Object.keys(NOT_YET), ...Object.keys(UNSTEADY)]) expect(names).toContain(name);
  });
});
