import { describe, expect, it } from 'vitest';
import { ControlVigil } from './control-vigil.ts';

/** Times of pings until `endMs`. */
function watch(vigil: ControlVigil, endMs: number): number[] {
  const pings: number[] = [];
  while (vigil.deadline <= endMs) {
    const nowMs = vigil.deadline;
    if (vigil.handleTimeout(nowMs)) pings.push(nowMs);
  }
  return pings;
}

describe('the vigil over a control connection', () => {
  it('pings every three seconds, and again each second while there is no answer', () => {
    const vigil = new ControlVigil(20, 0);
    expect(watch(vigil, 3500)).toEqual([3000]);
    vigil.handleHeard(3020);
    expect(watch(vigil, 8100)).toEqual([6020, 7020, 8020]);
  });

  it('finds a silent one suspect after a second, and dead after four', () => {
    const vigil = new ControlVigil(20, 0);
    watch(vigil, 3000);
    expect(vigil.stateAt(4059)).toBe('alive');
    expect(vigil.stateAt(4060)).toBe('suspect');
    expect(vigil.stateAt(7059)).toBe('suspect');
    expect(vigil.stateAt(7060)).toBe('dead');
    vigil.handleHeard(7059);
    expect(vigil.stateAt(100_000)).toBe('alive');
  });

  it('asks less often while the relay answers, and at once when it does not', () => {
    const vigil = new ControlVigil(20, 0);
    vigil.isRelaxed = true;
    expect(watch(vigil, 14_999)).toEqual([]);
    vigil.handleDoubt(14_000);
    expect(watch(vigil, 14_500)).toEqual([14_000]);
    vigil.handleHeard(14_020);
    vigil.isRelaxed = false;
    expect(watch(vigil, 17_500)).toEqual([17_020]);
  });
});
