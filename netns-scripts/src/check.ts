import { existsSync } from 'node:fs';
import { ABILITIES, type Ability } from './abilities.ts';
import { type Lack, noPortMapping } from './check-machine.ts';
import { LabError } from './errors.ts';
import type { LabSpec } from './spec.ts';
import { usesIpv6 } from './wiring6.ts';

export interface Impossible extends Lack {
  possible: false;
}

export type LabCheck = { possible: true } | Impossible;

/**
 * Whether this machine can run labs for the user who asks. It tries: namespaces, a virtual Ethernet pair, a
 * bridge, address translation with learned maps, and then leaves nothing behind.
 */
export async function checkLab(): Promise<LabCheck> {
  for (const { isNeeded, lack } of ABILITIES) {
    const missing = isNeeded ? await lack() : null;
    if (missing) return { possible: false, ...missing };
  }
  return { possible: true };
}

/** What `check` tells about one ability. */
export interface CheckedAbility extends Partial<Lack>, Pick<Ability, 'name' | 'gives' | 'isNeeded'> {
  /** `untried`: without what is missing before it, it cannot even be tried. */
  state: 'there' | 'missing' | 'untried';
}

/** What this scenario needs beyond what every one does, and is not there. */
export function missingFor(spec: LabSpec, lack = () => noPortMapping()): Lack | null {
  if (usesIpv6(spec) && !existsSync('/proc/sys/net/ipv6')) return NO_IPV6;
  return spec.nats?.some(({ portMapping }) => portMapping) ? lack() : null;
}

const NO_IPV6: Lack = {
  reason: 'the scenario uses IPv6, and this kernel runs without it',
  remedy: 'boot without ipv6.disable=1',
};

/** Tries everything, item by item. */
export async function checkAbilities(): Promise<CheckedAbility[]> {
  const checked: CheckedAbility[] = [];
  for (const { lack, ...ability } of ABILITIES) {
    if (checked.some(({ isNeeded, state }) => isNeeded && state === 'missing')) {
      checked.push({ ...ability, state: 'untried' });
      continue;
    }
    const missing = await lack();
    checked.push({ ...ability, state: missing ? 'missing' : 'there', ...missing });
  }
  return checked;
}

/** Whether a machine that cannot run labs is a failure, rather than a reason to skip what needs them. */
export const isLabRequired = (env: NodeJS.ProcessEnv = process.env): boolean =>
  env.LAB_REQUIRED === '1' || (env.CI ?? '') !== '';

export function impossible({ reason, remedy }: Lack): LabError {
  return new LabError('lab-impossible', `${reason}. Remedy: ${remedy}`);
}
