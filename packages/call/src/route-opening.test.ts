import { describe, expect, it } from 'vitest';
import { RouteOpening } from './route-opening.ts';

/** Runs it to `untilMs`; asks are answered by `answer`, which tells whether the supernode was away. */
function run(
  opening: RouteOpening,
  untilMs: number,
  answer: (nowMs: number) => 'opened' | 'failed' | 'away',
) {
  const steps: string[] = [];
  for (let nowMs = opening.deadline; nowMs <= untilMs; nowMs = Math.max(nowMs, opening.deadline)) {
    const step = opening.poll(nowMs);
    steps.push(`${step} ${nowMs}`);
    if (step === 'give-up') break;
    const outcome = answer(nowMs);
    if (outcome === 'opened') opening.handleOpened();
    else opening.handleFailed(outcome === 'away', nowMs);
  }
  return steps;
}

describe('opening a route', () => {
  it('asks at once, and no more once it is open', () => {
    const opening = new RouteOpening(5);
    expect(run(opening, 60_000, () => 'opened')).toEqual(['ask 5']);
    expect(opening.poll(60_000)).toBeNull();
  });

  it('asks five times where it is refused, a second apart, and gives up', () => {
    const opening = new RouteOpening(0);
    const steps = run(opening, 60_000, () => 'failed');
    expect(steps).toEqual(['ask 0', 'ask 1000', 'ask 2000', 'ask 3000', 'ask 4000', 'give-up 4000']);
    opening.handleBack(9000);
    expect(opening.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('waits for a supernode that is away, for however long, and asks the moment it is back', () => {
    const opening = new RouteOpening(0);
    expect(run(opening, 50_000, () => 'away')).toEqual(['ask 0']);
    opening.handleBack(50_000);
    expect(run(opening, 60_000, () => 'opened')).toEqual(['ask 50000']);
  });

  it('asks at once when the supernode is back, in the pause between two attempts too', () => {
    const opening = new RouteOpening(0);
    expect(run(opening, 500, () => 'failed')).toEqual(['ask 0']);
    opening.handleBack(501);
    expect(opening.poll(501)).toBe('ask');
  });

  it('asks again at once when what it asked was lost with the old connection after the new one stood', () => {
    const opening = new RouteOpening(0);
    expect(opening.poll(0)).toBe('ask');
    opening.handleBack(300);
    expect(opening.poll(300)).toBeNull();
    opening.handleFailed(false, 310);
    expect(opening.poll(310)).toBe('ask');
  });

  it('asks again for what was open: a supernode that was restarted has forgotten it', () => {
    const opening = new RouteOpening(0);
    run(opening, 0, () => 'opened');
    opening.handleBack(7000);
    expect(run(opening, 60_000, () => 'opened')).toEqual(['ask 7000']);
  });
});
