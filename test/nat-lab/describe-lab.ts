import { checkLab, isLabRequired, type LabCheck } from '@overcall/nat-lab';
import { describe, expect, test } from 'vitest';

/**
 * A group of tests that need the NAT lab. Where a machine cannot run it, they are skipped by name with the
 * reason; with CI or LAB_REQUIRED=1 set, they fail.
 */
export async function describeLab(name: string, tests: () => void): Promise<void> {
  const check: LabCheck = await checkLab();
  if (check.possible) {
    describe(name, tests);
    return;
  }
  const why = `${check.reason}. Remedy: ${check.remedy}`;
  if (isLabRequired()) describe(name, () => test('needs the NAT lab', () => expect.fail(why)));
  else describe.skip(`${name} [${why}]`, tests);
}
