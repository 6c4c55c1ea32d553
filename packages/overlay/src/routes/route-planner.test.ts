import { beforeEach, describe, expect, it } from 'vitest';
import type { RouteKnowledge, Stretch } from './rank-routes.ts';
import { RoutePlanner } from './route-planner.ts';

const at = (rttMs: number): Stretch => ({ rttMs, lossPct: 0 });
/** Supernodes a to e, each farther than the one before; no links. */
const KNOWN: RouteKnowledge = {
  caller: new Map(['a', 'b', 'c', 'd', 'e'].map((name, index) => [name, at(10 + 150 * index)])),
  callee: new Map(['a', 'b', 'c', 'd', 'e'].map((name) => [name, at(10)])),
  between: () => null,
};
let planner: RoutePlanner;
const plan = (nowMs: number) => planner.plan(nowMs, 3).map((hops) => hops.join('-'));
beforeEach(() => {
  planner = new RoutePlanner();
  planner.learn(KNOWN);
});

describe('the ways a call offers', () => {
  it('are three on supernodes of their own, best first', () => {
    expect(plan(0)).toEqual(['a', 'b', 'c']);
  });

  it('share supernodes only where there are no others', () => {
    planner.learn({
      ...KNOWN,
      caller: new Map([['a', at(10)]]),
      callee: new Map([
        ['a', at(10)],
        ['b', at(10)],
      ]),
      between: () => at(5),
    });
    expect(plan(0)).toEqual(['a', 'a-b']);
  });

  it('leave out what may not be used, and come back to it', () => {
    plan(0);
    const withoutB = planner.plan(10, 3, ({ hops }) => !hops.includes('b'));
    expect(withoutB.map((hops) => hops.join('-'))).toEqual(['a', 'c', 'd']);
    expect(plan(5000)[1]).toBe('b');
  });

  it('give way to better ones when they turn out worse, but not for one lost packet', () => {
    plan(0);
    planner.noteTraffic(['a'], { sent: 100, lost: 1, rttMs: 20 }, 1000);
    expect(plan(4000)).toEqual(['a', 'b', 'c']);
    planner.noteTraffic(['a'], { sent: 400, lost: 40, rttMs: 20 }, 5000);
    expect(plan(5000)).toEqual(['b', 'c', 'd']);
  });

  it('are tried for some seconds before they give way', () => {
    plan(0);
    planner.learn({ ...KNOWN, caller: new Map([...KNOWN.caller, ['e', at(1)]]) });
    planner.noteTraffic(['c'], { sent: 100, lost: 20, rttMs: 90 }, 1000);
    expect(plan(1000)).toEqual(['a', 'b', 'c']);
    expect(plan(3000)).toContain('e');
  });
});
