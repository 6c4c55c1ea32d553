import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkLab, isLabRequired, type LabCheck } from '@overcall/nat-lab';
import { describe, expect, test } from 'vitest';

/** Programs that some tests need, and the Debian package that has each. */
const PACKAGES = { miniupnpd: 'miniupnpd-nftables', upnpc: 'miniupnpc', natpmpc: 'natpmpc' } as const;
export type Program = keyof typeof PACKAGES;

export const isThere = (program: Program): boolean =>
  [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/bin'].some((directory) =>
    existsSync(join(directory, program)),
  );

/**
 * A group of tests that need the NAT lab. Where a machine cannot run it, they are skipped by name with the
 * reason; with CI or LAB_REQUIRED=1 set, they fail.
 * @param programs that these tests need besides
 */
export async function describeLab(
  name: string,
  tests: () => void,
  programs: readonly Program[] = [],
): Promise<void> {
  const check: LabCheck = await checkLab();
  const missing = programs.filter((program) => !isThere(program));
  if (check.possible && missing.length === 0) {
    describe(name, tests);
    return;
  }
  const why = check.possible
    ? `missing: ${missing.map((program) => `${program} (Debian: ${PACKAGES[program]})`).join(', ')}`
    : `${check.reason}. Remedy: ${check.remedy}`;
  if (isLabRequired()) describe(name, () => test('needs the NAT lab', () => expect.fail(why)));
  else describe.skip(`${name} [${why}]`, tests);
}
