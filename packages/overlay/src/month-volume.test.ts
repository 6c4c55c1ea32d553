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
    expect([volume.isUsedUp, volume.kept]).toMatchObject([false, { month: '2026-12', bytes: 10 }]);
  });

  it('goes on with what was kept of the month, and not with what was kept of one before', () => {
    expect(new MonthVolume(null, { month: '2026-11', bytes: 7 }, NOVEMBER).bytes).toBe(7);
    expect(new MonthVolume(null, { month: '2026-10', bytes: 7 }, NOVEMBER).bytes).toBe(0);
    expect(new MonthVolume(null, { month: '2025-12', bytes: 7 }, NOVEMBER).bytes).toBe(0);
  });

  it('forgets nothing when the clock is set back', () => {
    const volume = new MonthVolume(null, { month: '2027-01', bytes: 7 }, NOVEMBER);
    expect(volume.kept).toMatchObject({ month: '2026-11', bytes: 7 });
    volume.add(1, at('2026-12-01T00:00:00Z'));
    expect(volume.kept).toMatchObject({ month: '2026-12', bytes: 1 });
  });

  it.each([
    ['1970 until it is set', '1970-01-01T00:01:00Z'],
    ['a year ahead for a moment', '2027-11-28T20:00:00Z'],
  ])('forgets nothing when the clock says %s, however often', (_what, wrong) => {
    let kept = new MonthVolume(100, { month: '2026-11', bytes: 90 }, NOVEMBER).kept;
    for (let start = 1; start <= 10; start++) {
      const volume = new MonthVolume(100, JSON.parse(JSON.stringify(kept)), at(wrong));
      volume.add(1, NOVEMBER);
      expect(volume.bytes).toBe(90 + start);
      kept = readMonthBytes(JSON.parse(JSON.stringify(volume.kept)))!;
    }
    const december = new MonthVolume(100, kept, at('2026-12-01T00:00:00Z'));
    expect([december.bytes, december.isUsedUp]).toEqual([0, false]);
  });

  it('keeps a bounded number of months, in a form that can be read, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.date({ min: new Date(0), noInvalidDate: true, max: new Date('2100-01-01') })),
        (dates) => {
          const volume = new MonthVolume(null, null, NOVEMBER);
          for (const date of dates) volume.add(1, date.getTime());
          expect(readMonthBytes(JSON.parse(JSON.stringify(volume.kept)))).toEqual(volume.kept);
        },
      ),
    );
  });

  it('has no end without a limit, and takes nothing with a limit of 0', () => {
    const kept = { month: '2026-11', bytes: 1e15 };
    expect(new MonthVolume(null, kept, NOVEMBER).isUsedUp).toBe(false);
    expect(new MonthVolume(0, null, NOVEMBER).isUsedUp).toBe(true);
  });
});

describe('readMonthBytes', () => {
  it('reads what was kept, and nothing else', () => {
    const kept = { month: '2026-11', bytes: 5, left: { '2026-10': 4 } };
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
      { ...kept, left: null },
      { ...kept, left: { '2026-13': 1 } },
      { ...kept, left: { '2026-10': -1 } },
      { ...kept, left: { '2026-07': 1, '2026-08': 1, '2026-09': 1, '2026-10': 1 } },
    ];
    for (const value of damaged) expect([value, readMonthBytes(value)]).toEqual([value, null]);
  });

  it('takes any value', () => {
    fc.assert(fc.property(fc.anything(), (value) => readMonthBytes(value) === null));
  });
});
