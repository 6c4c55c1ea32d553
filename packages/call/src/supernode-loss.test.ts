import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { CALL_ID, makeParties, type Party, PhoneWorld, type Signal } from './phone-pair.test-support.ts';

const ids = (letters: string) => [...letters].map((letter) => letter.repeat(43));

let parties: Party[];
beforeAll(async () => {
  parties = await makeParties('alice', 'bob');
});

function worldOf(alice: string, bob: string): PhoneWorld {
  const world = new PhoneWorld(parties);
  world.attach('alice', ids(alice));
  world.attach('bob', ids(bob));
  return world;
}

/** Where the two are attached, and where they go when they lose a supernode. */
const PLACES = [
  { alice: 'AB', bob: 'AB', spare: 'C' },
  { alice: 'AB', bob: 'BA', spare: 'C' },
  { alice: 'AB', bob: 'BC', spare: 'D' },
  { alice: 'AB', bob: 'CD', spare: 'E' },
];

/** Plays a call whose signals come in any order, some of them again later; between them, things happen. */
function play(world: PhoneWorld, choices: () => number, happenings: Map<number, () => void>): void {
  const seen: Signal[] = [];
  let accepted = false;
  world.call('alice', 'bob');
  for (let step = 0; step < 400; step++) {
    happenings.get(step)?.();
    if (!accepted && world.eventNames('bob').includes('incoming')) {
      world.phone('bob').accept(CALL_ID, world.nowMs);
      accepted = true;
      world.drain();
    }
    if (world.wire.length === 0) {
      if (step > Math.max(0, ...happenings.keys())) break;
      continue;
    }
    const [signal] = world.wire.splice(choices() % world.wire.length, 1);
    world.deliver(signal!);
    seen.push(signal!);
    if (choices() % 4 === 0) world.deliver(seen[choices() % seen.length]!);
    if (!accepted) expect([world.talks.get('alice'), world.talks.get('bob')]).toEqual([[], []]);
  }
}

const numbers = fc.infiniteStream(fc.nat(1000));
const reader = (stream: Iterator<number>) => () => stream.next().value as number;

/** The supernode dies; those who were attached to it notice some steps later, and go elsewhere some steps after that. */
function death(world: PhoneWorld, supernode: string, at: number, noticed: number, spare: string | null) {
  const [dead] = ids(supernode);
  const happenings = new Map<number, () => void>();
  happenings.set(at, () => world.dead.add(dead!));
  const leave = (name: string, spares: string[]) => {
    const before = world.attached.get(name)!;
    if (before.includes(dead!)) world.attach(name, [...before.filter((id) => id !== dead), ...spares]);
  };
  happenings.set(at + noticed, () => {
    for (const name of ['alice', 'bob']) leave(name, spare === null ? [] : ids(spare));
  });
  return happenings;
}

describe('a supernode that dies while a call is set up', () => {
  const deaths = fc.record({
    place: fc.constantFrom(...PLACES),
    victim: fc.constantFrom('A', 'B', 'C', 'D'),
    at: fc.nat(30),
    noticed: fc.integer({ min: 1, max: 10 }),
    goesOn: fc.boolean(),
    stream: numbers,
  });

  it('loses nothing, whenever it dies and in whatever order signals come', () => {
    fc.assert(
      fc.property(deaths, ({ place, victim, at, noticed, goesOn, stream }) => {
        const world = worldOf(place.alice, place.bob);
        const happenings = death(world, victim, at, noticed, goesOn ? place.spare : null);
        play(world, reader(stream), happenings);
        expect([world.talks.get('alice'), world.talks.get('bob')]).toEqual([[CALL_ID], [CALL_ID]]);
        world.phone(at % 2 === 0 ? 'bob' : 'alice').hangUp(CALL_ID, world.nowMs);
        world.settle();
        expect([world.endOf('alice'), world.endOf('bob')].sort()).toEqual(['hangup', 'remote-hangup']);
      }),
      { numRuns: 150 },
    );
  });

  it('loses nothing either when both sides had this one alone, once they have another', () => {
    for (let at = 0; at < 12; at++) {
      const world = worldOf('A', 'A');
      play(world, () => 0, death(world, 'A', at, 1, 'B'));
      world.advance(400);
      world.settle();
      world.phone('bob').accept(CALL_ID, world.nowMs);
      world.settle();
      expect([world.talks.get('alice'), world.talks.get('bob')], `dies at ${at}`).toEqual([
        [CALL_ID],
        [CALL_ID],
      ]);
    }
  });
});

describe('several supernodes that die', () => {
  it('leave nobody stuck: the call is there for both, or over for both', () => {
    const deaths = fc.record({
      place: fc.constantFrom(...PLACES),
      victims: fc.uniqueArray(fc.constantFrom('A', 'B', 'C', 'D'), { minLength: 2, maxLength: 3 }),
      at: fc.nat(30),
      goesOn: fc.boolean(),
      stream: numbers,
    });
    fc.assert(
      fc.property(deaths, ({ place, victims, at, goesOn, stream }) => {
        const world = worldOf(place.alice, place.bob);
        const happenings = new Map<number, () => void>();
        for (const [i, victim] of victims.entries())
          for (const [step, what] of death(world, victim, at + 40 * i, 5, goesOn ? place.spare : null))
            happenings.set(step, what);
        play(world, reader(stream), happenings);
        for (let second = 0; second < 80; second++) {
          world.advance(1000);
          world.settle();
        }
        const isTalking = (name: string) =>
          world.talks.get(name)!.length > 0 && world.endOf(name) === undefined;
        // Media tells the one who is left alone.
        for (const [name, other] of [
          ['alice', 'bob'],
          ['bob', 'alice'],
        ] as const)
          if (isTalking(name) && !isTalking(other))
            world.phone(name).handleMediaEnded(world.legs.get(name)!.at(-1)!.legId, 'failed', world.nowMs);
        world.settle();
        expect(isTalking('alice')).toBe(isTalking('bob'));
        if (isTalking('alice')) return;
        expect(world.endOf('alice')).toMatch(/^(unreachable|timeout|failed|hangup|remote-hangup)$/);
        for (const name of ['alice', 'bob'])
          expect(world.phone(name).deadline, name).toBe(Number.POSITIVE_INFINITY);
      }),
      { numRuns: 100 },
    );
  });
});

describe('somebody who moves', () => {
  it('is told where the other one went, and signals follow', () => {
    const world = worldOf('AB', 'AB');
    world.call('alice', 'bob');
    world.settle();
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
    world.attach('bob', ids('BC'));
    world.settle();
    world.attach('alice', ids('DE'));
    world.settle();
    world.attach('bob', ids('FG'));
    world.settle();
    for (const dead of ids('ABC')) world.dead.add(dead);
    world.phone('alice').hangUp(CALL_ID, world.nowMs);
    world.settle();
    expect(world.endOf('bob')).toBe('remote-hangup');
  });

  it('is looked up again when nothing says where', () => {
    const world = worldOf('AB', 'AB');
    world.call('alice', 'bob');
    world.settle();
    for (const dead of ids('AB')) world.dead.add(dead);
    world.attach('bob', ids('C'));
    world.wire.length = 0;
    world.attach('alice', ids('C'));
    world.settle();
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
    expect([world.talks.get('alice'), world.talks.get('bob')]).toEqual([[CALL_ID], [CALL_ID]]);
  });

  it('rings on while the callee is on the way back to a supernode that both have lost', () => {
    const world = worldOf('A', 'A');
    world.call('alice', 'bob');
    world.settle();
    for (const name of ['alice', 'bob']) world.attach(name, []);
    world.absent.add('bob');
    world.attach('alice', ids('A'));
    for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 400) {
      world.settle();
      world.advance(400);
    }
    expect(world.endOf('alice')).toBeUndefined();
    world.absent.delete('bob');
    world.attach('bob', ids('A'));
    world.settle();
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
    expect([world.talks.get('alice'), world.talks.get('bob')]).toEqual([[CALL_ID], [CALL_ID]]);
  });

  it('who is nowhere any more is unreachable after a second or so', () => {
    const world = worldOf('AB', 'CD');
    world.call('alice', 'bob');
    world.attached.set('bob', ids('E'));
    world.absent.add('bob');
    for (let i = 0; i < 4 && world.endOf('alice') === undefined; i++) {
      world.settle();
      world.advance(400);
    }
    expect(world.endOf('alice')).toBe('unreachable');
  });
});

describe('signals', () => {
  it('go by two ways that share no supernode where there are two', () => {
    const world = worldOf('AB', 'CD');
    world.call('alice', 'bob');
    expect(world.wire.map(({ at, supernode }) => [at![0], supernode![0]])).toEqual([
      ['A', 'C'],
      ['B', 'D'],
    ]);
  });

  it('cost one handshake, however often the invite comes', () => {
    const world = worldOf('AB', 'AB');
    world.call('alice', 'bob');
    const [first, second] = world.wire.splice(0);
    for (let i = 0; i < 50; i++) {
      world.deliver(first!);
      world.deliver(second!);
      world.nowMs += 50;
    }
    expect(world.wire.length).toBeLessThanOrEqual(16);
    world.settle();
    expect(world.eventNames('bob')).toEqual(['incoming']);
  });
});
