import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MonthVolume, readMonthBytes } from './month-volume.ts';

const at = (text: string) => Date.parse(text);
const NOVEMBER = at('2026-11-28T20:00:00Z');

describe('MonthVolume', () => {
  it('is used up when the month has had so many bytes, and has room again in the next', () => {
    const volume = new MonthVolume(1000, null, NOVEMBER);
    volume.add(999, at('2026-11-30T23:59:59.998Z'));
    expect(volume.isUsedUp).toBe(false);
    volume.add(1, at('2026-11-30T23:59:59.999Z'));
    expect(volume.isUsedUp).toBe(true);
    volume.add(10, at('2026-12-01T00:00:00Z'));
    expect([volume.isUsedUp, volume.kept]).toEqual([false, { month: '2026-12', bytes: 10 }]);
  });

  it('goes on with what was kept of the month, and not with what was kept of one before', () => {
    expect(new MonthVolume(null, { month: '2026-11', bytes: 7 }, NOVEMBER).bytes).toBe(7);
    expect(new MonthVolume(null, { month: '2026-10', bytes: 7 }, NOVEMBER).bytes).toBe(0);
    expect(new MonthVolume(null, { month: '2025-12', bytes: 7 }, NOVEMBER).bytes).toBe(0);
  });

  it('forgets nothing when the clock is set back', () => {
    const volume = new MonthVolume(null, { month: '2027-01', bytes: 7 }, NOVEMBER);
    expect(volume.kept).toEqual({ month: '2026-11', bytes: 7 });
    volume.add(1, at('2026-12-01T00:00:00Z'));
    expect(volume.kept).toEqual({ month: '2026-12', bytes: 1 });
  });

  it('has no end without a limit, and takes nothing with a limit of 0', () => {
    const kept = { month: '2026-11', bytes: 1e15 };
    expect(new MonthVolume(null, kept, NOVEMBER).isUsedUp).toBe(false);
    expect(new MonthVolume(0, null, NOVEMBER).isUsedUp).toBe(true);
  });
});

describe('readMonthBytes', () => {
  it('reads what was kept, and nothing else', () => {
    const kept = { month: '2026-11', bytes: 5 };
    expect(readMonthBytes(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
    const damaged = [
      null,
      'x',
      [],
      {},
      { ...kept, bytes: -1 },
      { ...kept, bytes: '5' },
      { ...kept, bytes: 1.5 },
      { ...kept, month: '2026-13' },
      { ...kept, month: 202611 },
    ];
    for (const value of damaged) expect([value, readMonthBytes(value)]).toEqual([value, null]);
  });

  it('takes any value', () => {
    fc.assert(fc.property(fc.anything(), (value) => readMonthBytes(value) === null));
  });
});
