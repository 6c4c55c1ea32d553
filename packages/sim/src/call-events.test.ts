import { describe, expect, it } from 'vitest';
import { type CallEvent, playEvents } from './call-events.test-support.ts';

const CALLS = 25;
const FEW_CALLS = 10;
/** Each of two access links: 40 ms round trip between clients, as goals.md has it. */
const DELAY_MS = 10;
/** Nobody may be left without audio for longer, ms, in any of them. */
const NEVER_ABOVE_MS = 500;
/** On long links: what it takes to notice, ms, besides two round trips to make up for it. */
const NOTICE_MS = 120;

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;

describe('in calls between random pairs of networks', { timeout: 120_000 }, () => {
  it.each<[CallEvent, number]>([
    ['dead both ways', 120],
    ['dead one way', 120],
    ['rebind', 150],
    ['renumber', 150],
    ['roam to another NAT', 300],
    ['small packets only', 120],
  ])('%s: audio is back within %i ms in 95 of 100', (event, limitMs) => {
    const verdicts = playEvents(event, { calls: CALLS, delayMs: DELAY_MS });
    expect(verdicts.filter(({ faults }) => faults.length > 0)).toEqual([]);
    const gaps = verdicts.map(({ gapMs }) => gapMs);
    expect(percentile(gaps, 0.95)).toBeLessThanOrEqual(limitMs);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(NEVER_ABOVE_MS);
    if (!['dead both ways', 'dead one way', 'small packets only'].includes(event)) return;
    for (const { seed, endsOn, switches } of verdicts) {
      expect(endsOn, `seed ${seed}`).toEqual(['relay', 'relay']);
      expect(switches, `seed ${seed}`).toBe(1);
    }
  });

  it('10% loss in bursts: left within 2 s in most, and for good after one more look', () => {
    const verdicts = playEvents('lossy direct: 10% in bursts', { calls: CALLS, delayMs: DELAY_MS });
    expect(
      percentile(
        verdicts.map(({ leftAfterMs }) => leftAfterMs),
        0.5,
      ),
    ).toBeLessThanOrEqual(1500);
    expect(
      percentile(
        verdicts.map(({ switches }) => switches),
        0.95,
      ),
    ).toBeLessThanOrEqual(3);
    for (const { seed, endsOn } of verdicts) expect(endsOn, `seed ${seed}`).toEqual(['relay', 'relay']);
  });

  it.each<[CallEvent, number]>([
    ['relay dies', 130],
    ['two of three relays die', 130],
    ['direct dies, and a relay', 400],
  ])('%s: audio is back within %i ms in 95 of 100, and calls change once or twice', (event, limitMs) => {
    const verdicts = playEvents(event, { calls: CALLS, delayMs: DELAY_MS });
    expect(verdicts.filter(({ faults }) => faults.length > 0)).toEqual([]);
    const gaps = verdicts.map(({ gapMs }) => gapMs);
    expect(percentile(gaps, 0.95)).toBeLessThanOrEqual(limitMs);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1000);
    for (const { seed, endsOn, switches } of verdicts) {
      expect(endsOn, `seed ${seed}`).toEqual(['relay', 'relay']);
      expect(switches, `seed ${seed}`).toBeLessThanOrEqual(2);
    }
  });

  it('relay loses 30%: left within a second in most, once', () => {
    const verdicts = playEvents('relay loses 30%', { calls: CALLS, delayMs: DELAY_MS });
    const left = verdicts.map(({ leftAfterMs }) => leftAfterMs);
    expect(percentile(left, 0.95)).toBeLessThanOrEqual(1000);
    for (const { seed, switches } of verdicts) expect(switches, `seed ${seed}`).toBe(1);
  });

  it.each<CallEvent>([
    'relay is late by 200 ms',
    'relay carries one direction only',
    'relay carries checks only',
  ])('%s: left for good within half a second, at the cost of some frames', (event) => {
    const verdicts = playEvents(event, { calls: FEW_CALLS, delayMs: DELAY_MS });
    expect(verdicts.filter(({ faults }) => faults.length > 0)).toEqual([]);
    for (const { seed, leftAfterMs, gapMs, switches } of verdicts) {
      expect(leftAfterMs, `seed ${seed}`).toBeLessThanOrEqual(500);
      expect(gapMs, `seed ${seed}`).toBeLessThanOrEqual(200);
      expect(switches, `seed ${seed}`).toBe(1);
    }
  });

  it('all lossy: two paths at once miss a tenth of what one would, and change little', () => {
    const verdicts = playEvents('all lossy: 10% in bursts', { calls: CALLS, delayMs: DELAY_MS });
    // Of 1,750 frames.
    expect(
      percentile(
        verdicts.map(({ missing }) => missing),
        0.5,
      ),
    ).toBeLessThanOrEqual(17);
    const copies = verdicts.map(({ copiesPct }) => copiesPct);
    expect(percentile(copies, 0.95)).toBeLessThanOrEqual(150);
    const switches = verdicts.map((verdict) => verdict.switches);
    expect(percentile(switches, 0.9)).toBeLessThanOrEqual(5);
  });

  it.each<CallEvent>([
    'dead both ways',
    'dead one way',
    'rebind',
    'roam to another NAT',
  ])('%s: two round trips more on long and unsteady links', (event) => {
    const verdicts = playEvents(event, { calls: CALLS });
    expect(verdicts.filter(({ faults }) => faults.length > 0)).toEqual([]);
    const beyond = verdicts.map(({ gapMs, rttMs }) => gapMs - 2 * rttMs);
    expect(percentile(beyond, 0.95)).toBeLessThanOrEqual(NOTICE_MS);
  });
});
