import { describe, expect, it } from 'vitest';
import { type RouteKnowledge, rankRoutes, type Stretch } from './rank-routes.ts';

const near = (stretches: Record<string, [number, number]>): ReadonlyMap<string, Stretch> =>
  new Map(Object.entries(stretches).map(([name, [rttMs, lossPct]]) => [name, { rttMs, lossPct }]));
const links =
  (known: Record<string, [number, number]>): RouteKnowledge['between'] =>
  (one, other) => {
    const found = known[`${one} ${other}`] ?? known[`${other} ${one}`];
    return found === undefined ? null : { rttMs: found[0], lossPct: found[1] };
  };
const hopsOf = (known: RouteKnowledge, mayUse?: (name: string) => boolean) =>
  rankRoutes(known, mayUse).map(({ hops }) => hops.join('-'));

describe('ways over supernodes', () => {
  const caller = near({ a: [10, 0], b: [80, 0] });
  const callee = near({ b: [10, 0], a: [300, 0] });

  it('takes two supernodes where that is shorter, and one where it is as good', () => {
    expect(hopsOf({ caller, callee, between: links({ 'a b': [40, 0] }) })[0]).toBe('a-b');
    expect(hopsOf({ caller, callee, between: links({ 'a b': [75, 0] }) })[0]).toBe('b');
  });

  it('knows no way over what nobody has measured', () => {
    expect(hopsOf({ caller, callee, between: () => null }).sort()).toEqual(['a', 'b']);
  });

  it('prefers a detour to loss', () => {
    const lossy = {
      caller: near({ a: [10, 5] }),
      callee: near({ a: [10, 0], b: [40, 0] }),
      between: () => null,
    };
    expect(hopsOf(lossy)).toEqual(['a']);
    const around = { ...lossy, caller: near({ a: [10, 5], b: [60, 0] }) };
    expect(hopsOf(around)[0]).toBe('b');
  });

  it('adds up delay and loss of the stretches', () => {
    const [way] = rankRoutes({
      caller: near({ a: [10, 10] }),
      callee: near({ b: [20, 10] }),
      between: links({ 'a b': [30, 0] }),
    });
    expect(way).toMatchObject({ hops: ['a', 'b'], rttMs: 60 });
    expect(way!.lossPct).toBeCloseTo(19);
  });

  it('leaves out what may not be used, and never comes through a supernode twice', () => {
    const known = { caller, callee, between: links({ 'a b': [40, 0] }) };
    expect(hopsOf(known, (name) => name !== 'a')).toEqual(['b']);
    const three = near({ a: [10, 0], b: [20, 0], c: [30, 0] });
    for (const { hops } of rankRoutes({
      caller: three,
      callee: three,
      between: () => ({ rttMs: 1, lossPct: 0 }),
    }))
      expect(new Set(hops).size).toBe(hops.length);
  });
});
