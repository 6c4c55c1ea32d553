import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Route, RoutesMessage } from './call-types.ts';
import { MAX_OFFERS, RouteExchange } from './route-exchange.ts';

const id = (letter: string) => letter.repeat(43);
const way = (letters: string) => [...letters].map(id);
const LISTED = new Set(way('ABCDEF'));

/** Both sides of a leg, with the messages between them held until they are delivered. */
class Pair {
  nowMs = 0;
  readonly sides: Record<'alice' | 'bob', RouteExchange>;
  readonly wire: { to: 'alice' | 'bob'; message: RoutesMessage }[] = [];
  readonly open = { alice: new Map<number, Route>(), bob: new Map<number, Route>() };
  #flow = 100;

  constructor(first: string | null = 'A') {
    const options = {
      newFlow: () => this.#flow++,
      isListed: (supernode: string) => LISTED.has(supernode),
      attached: way('A'),
    };
    this.sides = {
      alice: new RouteExchange({ ...options, direction: 'outgoing' }),
      bob: new RouteExchange({ ...options, direction: 'incoming' }),
    };
    if (first !== null) {
      this.sides.alice.begin(way(first), 1, 2);
      this.sides.bob.begin(way(first), 2, 1);
    }
    this.poll();
  }

  poll(): void {
    for (const name of ['alice', 'bob'] as const)
      for (const output of this.sides[name].poll()) {
        if (output.type === 'open') this.open[name].set(output.route.receiveFlow, output.route);
        if (output.type === 'close') this.open[name].delete(output.route.receiveFlow);
        if (output.type === 'say')
          this.wire.push({ to: name === 'alice' ? 'bob' : 'alice', message: output.message });
      }
  }

  deliver({ to, message }: { to: 'alice' | 'bob'; message: RoutesMessage }): boolean {
    this.nowMs += 1000;
    const isTaken = this.sides[to].handle(message, this.nowMs);
    this.poll();
    return isTaken;
  }

  settle(): void {
    this.poll();
    while (this.wire.length > 0) this.deliver(this.wire.shift()!);
  }

  offer(...ways: string[]): void {
    this.sides.alice.offer(ways.map(way));
    this.poll();
  }

  waysOf(name: 'alice' | 'bob'): string[] {
    return [...this.open[name].values()].map(({ hops }) => hops.map((hop) => hop[0]).join('')).sort();
  }

  /** Every open route of one side is one of the other, seen from the other end. */
  expectAgreement(): void {
    const ofBob = [...this.open.bob.values()];
    expect(this.open.alice.size).toBe(ofBob.length);
    for (const { hops, receiveFlow, sendFlow } of this.open.alice.values())
      expect(ofBob).toContainEqual({
        hops: [...hops].reverse(),
        receiveFlow: sendFlow,
        sendFlow: receiveFlow,
      });
  }
}

const message = (seq: number, ...offers: [string, number][]): RoutesMessage => ({
  seq,
  attached: [],
  near: [],
  offers: offers.map(([hops, flow]) => ({ hops: way(hops), flow })),
});

describe('routes of a leg', () => {
  it('begin with the one of the invite, without a word', () => {
    const pair = new Pair('AB');
    expect([pair.waysOf('alice'), pair.waysOf('bob'), pair.wire.length]).toEqual([['AB'], ['BA'], 0]);
    pair.expectAgreement();
  });

  it('are those that both offer, each from its own end', () => {
    const pair = new Pair();
    pair.offer('A', 'B', 'CD');
    pair.settle();
    expect([pair.waysOf('alice'), pair.waysOf('bob')]).toEqual([
      ['A', 'B', 'CD'],
      ['A', 'B', 'DC'],
    ]);
    pair.expectAgreement();
  });

  it('cost one message each way', () => {
    const pair = new Pair();
    pair.offer('A', 'B');
    expect(pair.wire.length).toBe(1);
    pair.deliver(pair.wire.shift()!);
    expect(pair.wire.length).toBe(1);
    pair.deliver(pair.wire.shift()!);
    expect(pair.wire.length).toBe(0);
  });

  it('are closed at both ends when one side leaves them out', () => {
    const pair = new Pair();
    pair.offer('A', 'B', 'C');
    pair.settle();
    pair.offer('B', 'D');
    pair.settle();
    expect(pair.waysOf('bob')).toEqual(['B', 'D']);
    const [refused] = [...pair.open.bob.values()].filter(({ hops }) => hops[0] === id('D'));
    pair.sides.bob.refuse(refused!.receiveFlow);
    pair.settle();
    expect([pair.waysOf('alice'), pair.waysOf('bob')]).toEqual([['B'], ['B']]);
    pair.offer('B', 'D', 'E');
    pair.settle();
    expect(pair.waysOf('bob')).toEqual(['B', 'E']);
    pair.expectAgreement();
  });

  it('keep their flows as long as they are offered, and get new ones when they come again', () => {
    const pair = new Pair();
    pair.offer('A', 'B');
    pair.settle();
    const flowOfB = () => [...pair.open.alice.values()].find(({ hops }) => hops[0] === id('B'))!.receiveFlow;
    const before = flowOfB();
    pair.offer('B', 'A', 'C');
    pair.settle();
    expect(flowOfB()).toBe(before);
    pair.offer('A');
    pair.settle();
    pair.offer('A', 'B');
    pair.settle();
    expect(flowOfB()).not.toBe(before);
    pair.expectAgreement();
  });

  it('come to the same at both ends when messages are lost, repeated and late, once one of each arrives', () => {
    const steps = fc.array(
      fc.record({
        ways: fc.uniqueArray(fc.constantFrom('A', 'B', 'C', 'AB', 'CD', 'BCD'), { maxLength: 4 }),
        refuse: fc.nat(6),
        fate: fc.constantFrom('deliver', 'drop', 'later', 'twice'),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(steps, (plan) => {
        const pair = new Pair();
        const late: Pair['wire'] = [];
        for (const { ways, refuse, fate } of plan) {
          pair.offer(...ways);
          const route = [...pair.open.bob.values()][refuse];
          if (route !== undefined) pair.sides.bob.refuse(route.receiveFlow);
          pair.poll();
          for (const sent of pair.wire.splice(0)) {
            if (fate === 'deliver' || fate === 'twice') pair.deliver(sent);
            if (fate === 'later' || fate === 'twice') late.push(sent);
          }
        }
        for (const sent of late) pair.deliver(sent);
        pair.nowMs += 60_000;
        pair.offer('E', 'A');
        pair.settle();
        pair.offer('E', 'A', 'F');
        pair.settle();
        pair.expectAgreement();
        expect(pair.waysOf('alice')).toContain('F');
      }),
      { numRuns: 300 },
    );
  });
});

describe('hostile route messages', () => {
  it.each([
    ['loops', message(1, ['ABA', 7])],
    ['unknown supernodes', message(1, ['X', 7])],
    ['the same flow twice', message(1, ['A', 7], ['B', 7])],
    ['the same way twice', message(1, ['A', 7], ['A', 8])],
  ])('%s are passed over', (_, hostile) => {
    const pair = new Pair(null);
    pair.deliver({ to: 'bob', message: hostile });
    expect(pair.open.bob.size).toBeLessThanOrEqual(1);
    for (const { hops } of pair.open.bob.values()) expect(hops).toEqual([id('A')]);
  });

  it('that are older than the last change nothing', () => {
    const pair = new Pair(null);
    expect(pair.deliver({ to: 'bob', message: message(5, ['B', 9]) })).toBe(true);
    for (const seq of [5, 4, 0])
      expect(pair.deliver({ to: 'bob', message: message(seq, ['C', 10]) })).toBe(false);
    expect(pair.waysOf('bob')).toEqual(['B']);
  });

  it('never make more routes than may be offered at once, nor endless answers', () => {
    const pair = new Pair(null);
    let said = 0;
    for (let seq = 1; seq < 500; seq++) {
      const letters = 'ABCDEF'.split('').sort(() => ((seq * 7919) % 3) - 1);
      const hostile = message(seq, ...letters.map((letter, i): [string, number] => [letter, seq * 10 + i]));
      pair.sides.bob.handle(hostile, 10 * seq);
      pair.poll();
      said += pair.wire.splice(0).length;
      expect(pair.open.bob.size).toBeLessThanOrEqual(MAX_OFFERS);
    }
    expect(said).toBeLessThan(40);
  });
});
