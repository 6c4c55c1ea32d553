import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttachWorld, type FakeSupernode, fakeSupernode } from './attach-world.test-support.ts';

/** Numbers that a seed repeats (mulberry32). */
const DRAINING = { reason: 'draining', withinMs: 8000 } as const;

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function world(supernodes: FakeSupernode[], seed = 1): AttachWorld {
  const made = new AttachWorld(supernodes, seeded(seed));
  made.start();
  return made;
}

const several = (count: number, changes: Partial<FakeSupernode> = {}) =>
  Array.from({ length: count }, (_, index) => fakeSupernode(index, changes));

describe('the start', () => {
  it('attaches to two at once without waiting for measurements', () => {
    const w = world(several(5));
    expect(w.attempts.map(({ atMs }) => atMs)).toEqual([0, 0]);
    w.run(200);
    expect(w.attached.size).toBe(2);
    expect(w.announced.at(-1)).toHaveLength(2);
  });

  it('begins with those that were good the last time', () => {
    const made = new AttachWorld(several(40), seeded(1));
    made.policy.remember([
      { id: 's37', rttMs: 12 },
      { id: 's38', rttMs: 14 },
      { id: 'gone', rttMs: 1 },
    ]);
    made.start();
    expect(made.attempts.map(({ id }) => id).sort()).toEqual(['s37', 's38']);
  });

  it('tries others beside those that hang, and never many at once', () => {
    const supernodes = several(12, { isUp: false });
    for (const index of [3, 4]) supernodes[index]!.isUp = true;
    const w = world(supernodes);
    w.run(5000);
    expect([...w.attached].sort()).toEqual(['s3', 's4']);
    for (const { atMs } of w.attempts)
      expect(w.attempts.filter((each) => each.atMs >= atMs && each.atMs < atMs + 1400).length).toBeLessThan(
        5,
      );
  });

  it('measures a bounded sample of thousands of supernodes, and moves to what is better', () => {
    const near = (index: number) => (index % 10 === 0 ? 10 : 150);
    const w = world(
      Array.from({ length: 3000 }, (_, index) => fakeSupernode(index % 250, { rttMs: near(index) })).map(
        (each, index) => ({ ...each, id: `s${index}`, rttMs: near(index) }),
      ),
    );
    w.run(1_800_000);
    for (const ids of w.measured) expect(ids.length).toBeLessThanOrEqual(16 + 8 + 4);
    expect([...w.attached].map((id) => w.of(id).rttMs)).toEqual([10, 10]);
    expect(w.left.length).toBeLessThan(8);
  });
});

describe('choosing', () => {
  it('takes the near ones, in different networks', () => {
    const supernodes = several(10, { rttMs: 120 });
    supernodes[1] = fakeSupernode(1, { rttMs: 10 });
    supernodes[2] = fakeSupernode(2, { rttMs: 11, prefixes: supernodes[1].prefixes });
    supernodes[3] = fakeSupernode(3, { rttMs: 30 });
    const w = world(supernodes);
    w.run(120_000);
    expect([...w.attached]).toContain('s3');
    expect([...w.attached].some((id) => id === 's1' || id === 's2')).toBe(true);
    expect(w.policy.ranked(w.nowMs)[0]).not.toBe('s3');
  });

  it('does not move for noise, nor while somebody calls', () => {
    const supernodes = several(4, { rttMs: 40 });
    supernodes[3]!.rttMs = 36;
    const quiet = world(supernodes);
    quiet.run(3_600_000);
    expect(quiet.left).toEqual([]);
    const far = several(4, { rttMs: 200 });
    const calling = world(far, 3);
    calling.run(1000);
    const inUse = new Set(calling.attached);
    calling.policy.setBusy({ inUse, isCalm: false });
    for (const each of far) if (!inUse.has(each.id)) each.rttMs = 10;
    calling.run(900_000);
    expect([...calling.attached].sort()).toEqual([...inUse].sort());
    calling.policy.setBusy({ inUse: new Set(), isCalm: true });
    calling.run(900_000);
    expect([...calling.attached].map((id) => calling.of(id).rttMs)).toEqual([10, 10]);
  });

  it('spreads a crowd over those that are about as near', () => {
    const counts = new Map<string, number>();
    for (let seed = 1; seed <= 300; seed++) {
      const w = world(several(10), seed);
      w.run(5000);
      for (const id of w.attached) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(Math.max(...counts.values())).toBeLessThan(100);
    expect(Math.min(...[...Array(10).keys()].map((index) => counts.get(`s${index}`) ?? 0))).toBeGreaterThan(
      30,
    );
  });
});

describe('when all supernodes of a call die', () => {
  /** Attached to two of three, the third was lost often of late, and visited for a call. */
  function inCall(seed: number): { w: ReturnType<typeof world>; third: string } {
    const w = world(several(3), seed);
    w.run(2000);
    const [first, second] = [...w.attached] as [string, string];
    const third = ['s0', 's1', 's2'].find((id) => id !== first && id !== second)!;
    const visit = () => {
      w.attached.add(third);
      const { rttMs, load } = w.of(third);
      w.tell((policy, nowMs) => policy.handleAttached(w.of(third), { rttMs, load }, nowMs));
    };
    for (let i = 0; i < 8; i++) {
      visit();
      w.kill(third);
      w.of(third).isUp = true;
    }
    visit();
    w.policy.setBusy({ inUse: new Set([first, second]), isCalm: false });
    w.tell((policy, nowMs) => policy.handleVisitOver(third, nowMs));
    w.attached.delete(third);
    w.kill(first);
    w.kill(second);
    return { w, third };
  }

  it('the one left is attached to at once, whatever was wrong with it before it was visited', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { w, third } = inCall(seed);
      const beforeMs = w.nowMs;
      w.run(1000);
      expect([...w.attached], `seed ${seed}`).toEqual([third]);
      const { atMs } = w.attempts.findLast(({ id }) => id === third)!;
      expect(atMs - beforeMs, `seed ${seed}`).toBeLessThanOrEqual(100);
    }
  });
});

describe('a supernode that does not relay', () => {
  it('is left as soon as another one stands, and used again once it relays', () => {
    const w = world(several(3));
    w.run(1000);
    const [zombie, other] = [...w.attached] as [string, string];
    w.of(zombie).relays = false;
    w.probe(zombie);
    w.run(1000);
    expect(w.left).toEqual([{ id: zombie, reason: 'not-relaying', atMs: 1000 }]);
    w.run(5000);
    const third = ['s0', 's1', 's2'].find((id) => id !== zombie && id !== other)!;
    expect([...w.attached].sort()).toEqual([other, third].sort());
    expect(w.announced.at(-1)!.sort()).toEqual([other, third].sort());
    w.of(zombie).relays = true;
    w.kill(other);
    w.run(61_000);
    expect(w.attached).toContain(zombie);
    expect(w.announced.at(-1)!.sort()).toEqual([third, zombie].sort());
  });

  it('is tried again ever more rarely, and never announced before it has proven itself', () => {
    const w = world(several(2));
    w.run(1000);
    w.of('s0').relays = false;
    w.probe('s0');
    w.run(3_600_000);
    const tries = w.attempts.filter(({ id, atMs }) => id === 's0' && atMs > 1000);
    expect(tries.length).toBeGreaterThan(4);
    expect(tries.length).toBeLessThan(16);
    expect(w.announced.at(-1)).toEqual(['s1']);
  });

  it('is kept when there is no other one', () => {
    const w = world(several(1, { relays: false }));
    w.run(60_000);
    expect([...w.attached]).toEqual(['s0']);
    expect(w.announced).toEqual([['s0']]);
  });

  it('is not exchanged for a silence of our own: those silent together are kept', () => {
    const w = world(several(2));
    w.run(1000);
    for (const id of ['s0', 's1']) w.tell((policy) => policy.handleSuspect(id, true));
    for (const id of ['s0', 's1']) w.tell((policy, nowMs) => policy.handleRelay(id, false, nowMs));
    w.run(10_000);
    expect(w.attached.size).toBe(2);
    expect(w.left).toEqual([]);
  });
});

describe('a supernode that is silent', () => {
  it('comes last at once, and another one is attached to meanwhile', () => {
    const w = world(several(3));
    w.run(1000);
    const [first, second] = w.policy.ranked(w.nowMs) as [string, string];
    w.tell((policy) => policy.handleSuspect(first, true));
    expect(w.policy.ranked(w.nowMs)).toEqual([second, first]);
    w.run(1000);
    expect(w.attached.size).toBe(3);
    w.tell((policy) => policy.handleSuspect(first, false));
    w.run(1000);
    expect(w.attached.size).toBe(2);
  });
});

describe('a lost connection', () => {
  it('is no hurry while the spare stands', () => {
    const w = world(several(6));
    w.run(100_000);
    const [first] = w.policy.ranked(w.nowMs) as [string];
    w.kill(first);
    w.run(2000);
    const after = w.attempts.filter(({ atMs }) => atMs >= 100_000);
    expect(after).toHaveLength(1);
    w.run(500);
    expect(w.attached.size).toBe(2);
  });

  it('of both is: what answers is measured and attached to within a second', () => {
    const supernodes = several(30);
    for (let index = 10; index < 20; index++) supernodes[index]!.isUp = false;
    const w = world(supernodes);
    w.run(100_000);
    for (const id of [...w.attached]) w.kill(id);
    w.run(1000);
    expect(w.attached.size).toBeGreaterThanOrEqual(1);
    w.run(3000);
    expect(w.attached.size).toBe(2);
  });

  it('backs off, each time at random, while nobody takes us', () => {
    const w = world(several(4, { isUp: false }));
    w.run(600_000);
    const lastMinutes = w.attempts.filter(({ atMs }) => atMs > 300_000);
    expect(lastMinutes.length).toBeLessThan(200);
    expect(lastMinutes.length).toBeGreaterThan(20);
    w.of('s2').isUp = true;
    w.run(31_000);
    expect([...w.attached]).toEqual(['s2']);
  });

  it('is not made anew where we were told to wait, before the time', () => {
    const w = world(several(2, { retryAfterMs: 10_000 }));
    w.run(9000);
    expect(w.attempts).toHaveLength(2);
    for (const id of ['s0', 's1']) delete w.of(id).retryAfterMs;
    w.run(16_000);
    expect(w.attached.size).toBe(2);
  });
});

describe('a supernode that asks us to go', () => {
  it('is left for another one, make before break, within the time', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const w = world(several(4), seed);
      w.run(10_000);
      const [first, second] = w.policy.ranked(w.nowMs) as [string, string];
      w.tell((policy, nowMs) => policy.handleMove(first, DRAINING, nowMs));
      let least = 2;
      for (let step = 0; step < 80; step++) {
        w.run(100);
        least = Math.min(least, w.attached.size);
      }
      expect(least).toBe(2);
      expect(w.left).toMatchObject([{ id: first, reason: 'asked-to' }]);
      expect(w.attached).toContain(second);
      expect(w.announced.at(-1)).not.toContain(first);
    }
  });

  it('is not left while it carries a call', () => {
    const w = world(several(3));
    w.run(1000);
    const [first] = w.policy.ranked(w.nowMs) as [string];
    w.policy.setBusy({ inUse: new Set([first]), isCalm: false });
    w.tell((policy, nowMs) => policy.handleMove(first, DRAINING, nowMs));
    expect(w.policy.staying(w.nowMs)).not.toContain(first);
    w.run(60_000);
    expect(w.attached.size).toBe(3);
    w.policy.setBusy({ inUse: new Set(), isCalm: true });
    w.poll();
    expect(w.attached).not.toContain(first);
  });

  it.each([
    ['draining', 20_000],
    ['overloaded', 80_000],
  ] as const)('is used again soon when it was %s', (reason, withinMs) => {
    const w = world(several(2));
    w.run(10_000);
    w.tell((policy, nowMs) => policy.handleMove('s0', { reason, withinMs: 8000 }, nowMs));
    w.run(10_000);
    expect([...w.attached]).toEqual(['s1']);
    w.run(withinMs - 10_000);
    expect([...w.attached].sort()).toEqual(['s0', 's1']);
  });

  it('stays when it is the only one', () => {
    const w = world(several(1));
    w.run(1000);
    w.tell((policy, nowMs) => policy.handleMove('s0', DRAINING, nowMs));
    w.run(60_000);
    expect([...w.attached]).toEqual(['s0']);
  });
});

describe('the list', () => {
  it('that does not name a supernode any more makes us leave it for good', () => {
    const supernodes = several(4);
    const w = world(supernodes);
    w.run(1000);
    const [first] = [...w.attached] as [string];
    const rest = supernodes.filter(({ id }) => id !== first);
    w.tell((policy, nowMs) => policy.setListed(rest, nowMs));
    w.run(600_000);
    expect(w.attached.size).toBe(2);
    expect(w.attached).not.toContain(first);
    expect(w.attempts.filter(({ id }) => id === first)).toHaveLength(1);
  });
});

describe('a visit', () => {
  it('ends a while after the call, unless one more is wanted', () => {
    const w = world(several(4));
    w.run(1000);
    const visited = w.of(['s0', 's1', 's2', 's3'].find((id) => !w.attached.has(id))!);
    w.attached.add(visited.id);
    w.policy.setBusy({ inUse: new Set([visited.id]), isCalm: false });
    w.tell((policy, nowMs) => policy.handleAttached(visited, { rttMs: 40, load: 0 }, nowMs));
    w.run(60_000);
    expect(w.attached).toContain(visited.id);
    expect(w.announced.flat()).not.toContain(visited.id);
    w.policy.setBusy({ inUse: new Set(), isCalm: true });
    w.poll();
    expect(w.left).toMatchObject([{ id: visited.id, reason: 'visit-over' }]);
  });
});

it('whatever happens, it is never without end busy, and ends attached to what works', () => {
  const deed = fc.record({
    who: fc.integer({ min: 0, max: 5 }),
    what: fc.constantFrom('kill', 'raise', 'zombie', 'mend', 'move', 'suspect', 'call', 'calm'),
    pauseMs: fc.integer({ min: 0, max: 20_000 }),
  });
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 40 }), fc.integer(), (deeds, seed) => {
      const w = world(several(6), seed);
      for (const { who, what, pauseMs } of deeds) {
        const supernode = w.of(`s${who}`);
        if (what === 'kill') w.kill(supernode.id);
        else if (what === 'raise') supernode.isUp = true;
        else if (what === 'zombie' || what === 'mend') {
          supernode.relays = what === 'mend';
          w.probe(supernode.id);
        } else if (what === 'move')
          w.tell((policy, nowMs) => policy.handleMove(supernode.id, DRAINING, nowMs));
        else if (what === 'suspect')
          w.tell((policy) => policy.handleSuspect(supernode.id, pauseMs % 2 === 0));
        else w.policy.setBusy({ inUse: new Set(what === 'call' ? w.attached : []), isCalm: what === 'calm' });
        w.run(pauseMs);
        expect(w.attached.size).toBeLessThanOrEqual(6);
      }
      w.policy.setBusy({ inUse: new Set(), isCalm: true });
      for (let index = 0; index < 6; index++) {
        w.of(`s${index}`).isUp = true;
        w.of(`s${index}`).relays = true;
        w.tell((policy) => policy.handleSuspect(`s${index}`, false));
        w.probe(`s${index}`);
      }
      w.run(700_000);
      expect(w.attached.size).toBe(2);
      expect([...w.announced.at(-1)!].sort()).toEqual([...w.attached].sort());
    }),
    { numRuns: 60 },
  );
});

describe('new certificates', () => {
  const DAYS_10_MS = 10 * 86_400_000;

  /** The least that were attached meanwhile. */
  function leastDuring(w: AttachWorld, forMs: number, stepMs = 20): number {
    let least = w.attached.size;
    for (let ms = 0; ms < forMs; ms += stepMs) {
      w.run(stepMs);
      least = Math.min(least, w.attached.size);
    }
    return least;
  }

  it('are shown to one supernode after the other, the best last, and nobody cuts us off later', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const w = world(several(4), seed);
      w.run(60_000);
      const [best, spare] = w.policy.ranked(w.nowMs) as [string, string];
      w.renew(3_600_000);
      expect(leastDuring(w, 10_000)).toBe(1);
      expect(w.left).toMatchObject([
        { id: spare, reason: 'renewed' },
        { id: best, reason: 'renewed' },
      ]);
      // Who looks for us finds the first one when the second is left.
      expect(w.left[1]!.atMs - w.left[0]!.atMs).toBeGreaterThanOrEqual(2000);
      expect([...w.attached].sort()).toEqual([best, spare].sort());
      expect([...w.announced.at(-1)!].sort()).toEqual([best, spare].sort());
      const attempts = w.attempts.length;
      w.run(3_600_000 - 10_500);
      expect(leastDuring(w, 1000)).toBe(2);
      expect(w.attempts.length).toBe(attempts);
    }
  });

  it('wait for the end of a call, and not for the end of the old ones', () => {
    const w = world(several(4));
    w.run(60_000);
    const before = w.policy.ranked(w.nowMs);
    const talk = () => w.policy.setBusy({ inUse: new Set(before), isCalm: false });
    w.policy.setBusy({ inUse: new Set(), isCalm: false }); // it rings
    w.renew(3_600_000);
    w.run(900_000);
    expect(w.left).toEqual([]);
    w.policy.setBusy({ inUse: new Set([before[1]!]), isCalm: true }); // one of them is measured
    w.run(900_000);
    expect(w.left).toEqual([]);
    w.policy.setBusy({ inUse: new Set(), isCalm: true });
    w.poll();
    w.run(10_000);
    expect(w.left.map(({ id }) => id)).toEqual(before.toReversed());
    talk();
    w.renew(3_600_000);
    w.run(2_900_000);
    expect(w.left.length).toBe(2);
    expect(leastDuring(w, 700_000 + 120_000)).toBe(1);
    expect(w.left.length).toBe(4);
    expect(w.attached.size).toBe(2);
  });

  it('that came when the old ones have ended are shown at once', () => {
    const w = world(several(4));
    w.run(60_000);
    w.policy.setBusy({ inUse: new Set(w.attached), isCalm: false });
    w.renew(5000);
    expect(leastDuring(w, 10_000)).toBe(1);
    expect(w.left.map(({ reason }) => reason)).toEqual(['renewed', 'renewed']);
  });

  it.each([
    ['in time', DAYS_10_MS],
    ['late', 500_000],
  ])('are not shown to the best before another one stands (%s)', (_when, cutOffInMs) => {
    const w = world(several(3));
    w.run(60_000);
    const [best, spare] = w.policy.ranked(w.nowMs) as [string, string];
    for (const id of ['s0', 's1', 's2']) if (id !== best) w.of(id).isUp = false;
    w.renew(cutOffInMs);
    w.run(10);
    expect(leastDuring(w, 300_000)).toBe(1);
    expect([...w.attached]).toEqual([best]);
    w.of(spare).isUp = true;
    expect(leastDuring(w, 120_000)).toBe(1);
    expect(w.left.map(({ id }) => id)).toEqual([spare, best]);
    expect(w.attached.size).toBe(2);
  });

  it('are shown to one that we were attaching to with the old ones, and to the only one there is', () => {
    const w = world(several(1));
    w.run(100);
    expect(w.attached.size).toBe(0);
    w.renew(DAYS_10_MS);
    w.run(1000);
    expect(w.left).toMatchObject([{ id: 's0', reason: 'renewed' }]);
    expect([...w.attached]).toEqual(['s0']);
    w.run(DAYS_10_MS);
    expect(w.left.length).toBe(1);
  });
});
