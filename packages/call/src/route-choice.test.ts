import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultRoutes, firstWay, type RouteSituation } from './default-routes.ts';
import { RouteChoice } from './route-choice.ts';

const names = (ways: readonly (readonly string[])[]) => ways.map((hops) => hops.join(''));

const situation = (changes: Partial<RouteSituation>): RouteSituation => ({
  mine: [],
  theirs: [],
  planned: [],
  current: [],
  shunned: new Set(),
  refused: new Set(),
  mayAttach: true,
  others: [],
  count: 3,
  ...changes,
});

describe('routes while nothing is measured', () => {
  it.each([
    ['both at the same two, a third one in the list', 'AB', 'AB', 'ABC', ['A', 'B', 'C']],
    ['one in common', 'AB', 'BC', 'ABC', ['B', 'C', 'A']],
    ['none in common', 'AB', 'CD', 'ABCD', ['C', 'D', 'A']],
    ['one supernode in the world', 'A', 'A', 'A', ['A']],
    ['nobody attached', '', 'A', 'A', ['A']],
  ])('%s', (_, mine, theirs, others, expected) => {
    const chosen = defaultRoutes(situation({ mine: [...mine], theirs: [...theirs], others: [...others] }));
    expect(names(chosen)).toEqual(expected);
  });

  it('go from mine to theirs where one of us may not attach to what the other has chosen', () => {
    const hidden = situation({ mine: [...'AB'], theirs: [...'CD'], mayAttach: false, others: [...'EF'] });
    expect(names(defaultRoutes({ ...hidden, refused: new Set(['A', 'B']) }))).toEqual(['AC', 'BD']);
  });

  it('share no supernode, so that one of two survives any death', () => {
    const chosen = defaultRoutes(situation({ mine: [...'ABC'], theirs: [...'CDE'], mayAttach: false }));
    const used = chosen.flat();
    expect(new Set(used).size).toBe(used.length);
    expect(chosen.length).toBe(3);
  });

  it('are over one supernode each where a way over two would leave fewer to survive with', () => {
    const three = { mine: [...'AB'], theirs: [...'AC'], others: [...'ABC'] };
    const planned = [['A'], ['B', 'C'], ['B', 'A']];
    expect(names(defaultRoutes(situation({ ...three, planned })))).toEqual(['A', 'C', 'B']);
    // The best one is taken as it is, and with enough supernodes the others are, too.
    expect(names(defaultRoutes(situation({ ...three, planned: planned.slice(1) })))).toEqual(['BC', 'A']);
    const five = { ...three, others: [...'ABCDE'] };
    expect(names(defaultRoutes(situation({ ...five, planned })))).toEqual(['A', 'BC', 'D']);
  });

  it('survive any death also where the best way is over all supernodes that there are', () => {
    const two = { mine: [...'AB'], theirs: [...'AB'], others: [...'AB'] };
    expect(names(defaultRoutes(situation({ ...two, planned: [['A', 'B'], ['B', 'A'], ['A']] })))).toEqual([
      'AB',
      'A',
      'B',
    ]);
    const three = { mine: [...'AB'], theirs: [...'BC'], others: [...'ABC'] };
    const planned = [[...'ABC'], [...'AB'], [...'C']];
    expect(names(defaultRoutes(situation({ ...three, planned })))).toEqual(['ABC', 'C', 'B']);
    expect(names(defaultRoutes(situation({ ...two, planned: [['A', 'B']], count: 1 })))).toEqual(['AB']);
  });

  it('have no supernode on every way, whatever is planned, as long as there are two', () => {
    const worlds = fc.constantFrom('AB', 'ABC', 'ABCD').chain((all) => {
      const way = fc.shuffledSubarray([...all], { minLength: 1, maxLength: Math.min(3, all.length) });
      const some = fc.shuffledSubarray([...all], { minLength: 1 });
      const ways = fc.array(way, { maxLength: 4 });
      return fc.record({
        others: fc.constant([...all]),
        mine: some,
        theirs: some,
        planned: ways,
        current: ways,
      });
    });
    fc.assert(
      fc.property(worlds, (changes) => {
        const chosen = defaultRoutes(situation(changes));
        expect(chosen.length).toBeLessThanOrEqual(3);
        for (const hop of changes.others) expect(chosen.some((hops) => !hops.includes(hop))).toBe(true);
        expect(new Set(names(chosen)).size).toBe(chosen.length);
      }),
    );
  });

  it('begin over a supernode of both, else from mine to theirs', () => {
    expect(firstWay([...'AB'], [...'CB'])).toEqual(['B']);
    expect(firstWay([...'AB'], [...'CD'])).toEqual(['A', 'C']);
    expect(firstWay([], [...'CD'])).toBeNull();
  });
});

/** A choice whose offers come up at once, as flows 1, 2, 3 in the order in which they are offered. */
class World {
  nowMs = 0;
  readonly choice: RouteChoice;
  readonly flows = new Map<string, number>();
  offered: string[] = [];

  constructor(mine = 'AB', theirs = 'AB', others = 'ABCDE') {
    this.choice = new RouteChoice({
      ...{ mine: [...mine], theirs: [...theirs], others: [...others] },
      mayAttach: true,
    });
    this.open('A');
  }

  open(way: string): void {
    this.flows.set(way, this.flows.size + 1);
    this.choice.handleOpened({ hops: [...way], receiveFlow: this.flows.size, sendFlow: 0 }, this.nowMs);
  }

  up(way: string, isUp = true): void {
    this.choice.handleUp(this.flows.get(way)!, isUp, this.nowMs);
  }

  /** Lets time pass; what is offered comes up, but for `except`. */
  run(ms: number, except = ''): string[] {
    const endMs = this.nowMs + ms;
    let rounds = 0;
    while (this.choice.deadline <= endMs) {
      expect(rounds++).toBeLessThan(200);
      this.nowMs = Math.max(this.nowMs, this.choice.deadline);
      this.offered = names(this.choice.offers(this.nowMs));
      for (const way of this.offered) {
        if ([...except].some((dead) => way.includes(dead)) || this.flows.has(way)) continue;
        this.open(way);
        this.up(way);
      }
      for (const way of [...this.flows.keys()]) if (!this.offered.includes(way)) this.flows.delete(way);
    }
    this.nowMs = endMs;
    return this.offered;
  }
}

describe('the choice of routes', () => {
  it('offers two more beside the first, and then is quiet', () => {
    const world = new World();
    world.up('A');
    expect(world.run(1000)).toEqual(['A', 'B', 'C']);
    expect(world.choice.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('offers another one a moment after a supernode died, and gives the dead one up', () => {
    const world = new World();
    world.up('A');
    world.run(1000);
    world.choice.setMine([...'BC'], ['A'], world.nowMs);
    expect(world.run(100, 'A')).toEqual(['B', 'C', 'D', 'A']);
    expect(world.run(9000, 'A')).toEqual(['B', 'C', 'D']);
  });

  it('leaves a supernode that is about to stop, or does not relay, a second after others work', () => {
    const world = new World();
    world.up('A');
    world.run(1000);
    world.choice.handleGoingAway('A', world.nowMs);
    world.choice.setMine([...'ABC'], [], world.nowMs);
    expect(world.run(100)).toEqual(['B', 'C', 'D', 'A']);
    expect(world.run(1000)).toEqual(['B', 'C', 'D']);
    expect(world.run(20_000)).toEqual(['B', 'C', 'D']);
  });

  it('stays with one that is about to stop while nothing else works', () => {
    const world = new World('A', 'A', 'A');
    world.up('A');
    world.run(1000);
    world.choice.handleGoingAway('A', world.nowMs);
    expect(world.run(20_000)).toEqual(['A']);
  });

  it('offers two others when two of three died', () => {
    const world = new World('AB', 'AB', 'CDEF');
    world.up('A');
    world.run(1000);
    world.choice.setMine([...'C'], ['A', 'B'], world.nowMs);
    expect(world.run(100, 'AB')).toEqual(['C', 'D', 'E', 'A', 'B']);
  });

  it('replaces a way that fell silent while others work, unless it comes back first', () => {
    const world = new World();
    world.up('A');
    world.run(1000);
    world.up('B', false);
    expect(world.run(100, 'D')).toEqual(['A', 'C', 'D', 'B']);
    world.up('B', true);
    expect(world.run(100, 'D')).toEqual(['A', 'C', 'B']);
    world.up('B', false);
    expect(world.run(100)).toEqual(['A', 'C', 'D', 'B']);
    expect(world.run(10_000)).toEqual(['A', 'C', 'D']);
  });

  it('gives nothing up when everything is silent: it is our own network', () => {
    const world = new World();
    world.up('A');
    world.run(1000);
    for (const way of ['A', 'B', 'C']) world.up(way, false);
    expect(world.run(60_000, 'ABCDE')).toEqual(expect.arrayContaining(['A', 'B', 'C']));
  });

  it('leaves alone what does not come up in time', () => {
    const world = new World();
    world.up('A');
    expect(world.run(3000, 'BC')).toEqual(['A', 'B', 'C']);
    expect(world.run(3000, 'BC')).toEqual(['A', 'D', 'E', 'B', 'C']);
    expect(world.run(10_000, 'BC')).toEqual(['A', 'D', 'E']);
  });

  it('keeps the only way that works when one over the same supernode and a dead one was silent', () => {
    const world = new World('CA', 'CB', '');
    world.up('C');
    world.open('AB');
    world.up('AB');
    world.run(1000);
    // B and C die; both sides have A alone.
    world.choice.setMine(['A'], ['C'], world.nowMs);
    world.choice.setTheirs(['A'], world.nowMs);
    for (const way of ['C', 'AB']) world.up(way, false);
    expect(world.run(100, 'BC')[0]).toBe('A');
    const flow = world.flows.get('A');
    for (let i = 0; i < 100; i++) expect(world.run(100, 'BC')).toContain('A');
    expect(world.flows.get('A')).toBe(flow);
  });

  it('never offers more than six ways, whatever happens', () => {
    const world = new World('AB', 'AB', 'CDEFGHIJKLMNOP');
    world.up('A');
    for (let i = 0; i < 30; i++) {
      const [victim] = world.run(500);
      world.up(victim!, false);
      world.choice.setMine([...'AB'], [victim![0]!], world.nowMs);
      expect(world.run(60).length).toBeLessThanOrEqual(6);
    }
  });

  it('takes the best by measurement, and keeps what works until that works, too', () => {
    const world = new World('AB', 'CD', 'E');
    world.up('A');
    world.run(1000);
    const near = (all: Record<string, number>) =>
      new Map(Object.entries(all).map(([name, rttMs]) => [name, { rttMs, lossPct: 0 }]));
    const known = {
      caller: near({ A: 300, B: 10 }),
      callee: near({ C: 300, D: 10, A: 300 }),
      between: () => ({ rttMs: 20, lossPct: 0 }),
    };
    world.choice.setKnowledge(known, world.nowMs);
    world.nowMs += 100;
    const before = names(world.choice.offers(world.nowMs));
    expect(before[0]).toBe('BD');
    expect(before).toContain('A');
    world.open('BD');
    world.up('BD');
    expect(world.run(3000)[0]).toBe('BD');
    // What the call has measured there says more than what was foretold.
    for (let i = 0; i < 5; i++) {
      world.choice.handleMeasured(world.flows.get('BD')!, { sent: 100, lost: 30, rttMs: 40 }, world.nowMs);
      world.run(2100);
    }
    expect(world.offered).not.toContain('BD');
  });

  it('keeps ways that live when either of two dies, where the best is over both', () => {
    const world = new World('AB', 'AB', 'AB');
    world.up('A');
    world.run(1000);
    const near = (all: Record<string, number>) =>
      new Map(Object.entries(all).map(([name, rttMs]) => [name, { rttMs, lossPct: 0 }]));
    const known = {
      caller: near({ A: 10, B: 300 }),
      callee: near({ A: 300, B: 10 }),
      between: () => ({ rttMs: 20, lossPct: 0 }),
    };
    world.choice.setKnowledge(known, world.nowMs);
    expect(world.run(5000)).toEqual(['AB', 'A', 'B']);
    expect(world.run(60_000)).toEqual(['AB', 'A', 'B']);
    world.up('AB', false);
    world.up('A', false);
    world.choice.setMine(['B'], ['A'], world.nowMs);
    expect(world.run(1000)).toContain('B');
    expect(world.run(20_000)).toEqual(['B']);
  });
});
