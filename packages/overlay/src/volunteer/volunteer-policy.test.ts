import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DemotionReason,
  type VolunteerFacts,
  type VolunteerOutput,
  VolunteerPolicy,
  type VolunteerRules,
} from './volunteer-policy.ts';

const FIT: VolunteerFacts = {
  addresses: ['192.0.2.7'],
  power: 'unknown',
  isAttached: true,
  hasOwnCall: false,
  cpu: 0.05,
  isVolumeUsedUp: false,
  isUnreached: false,
};

/** A host in virtual time: its facts are looked at every second. */
class Host {
  nowMs = 0;
  facts: VolunteerFacts = { ...FIT };
  readonly policy: VolunteerPolicy;

  constructor(rules: Partial<VolunteerRules> = {}, random = 0.5) {
    this.policy = new VolunteerPolicy({ servesOnBattery: false, settleMs: 60_000, ...rules }, () => random);
  }

  /** What comes in the next seconds. */
  run(seconds: number): VolunteerOutput[] {
    const outputs: VolunteerOutput[] = [];
    for (let i = 0; i < seconds; i++) {
      this.policy.handleFacts(this.facts, this.nowMs);
      outputs.push(...this.policy.poll());
      this.nowMs += 1000;
    }
    return outputs;
  }

  /** Promoted and at work. */
  serving(): this {
    expect(this.run(61).map(({ type }) => type)).toEqual(['promote']);
    this.policy.handlePromoted(this.nowMs);
    expect(this.policy.state).toBe('serving');
    return this;
  }
}

describe('promotion', () => {
  it('comes when everything has spoken for it for a minute, with the addresses of then', () => {
    const host = new Host();
    expect(host.run(60)).toEqual([]);
    expect(host.run(1)).toEqual([{ type: 'promote', addresses: ['192.0.2.7'] }]);
    expect(host.run(1000)).toEqual([]);
  });

  it.each<[string, Partial<VolunteerFacts>, RegExp]>([
    ['without a public address', { addresses: [] }, /public address/],
    ['on battery', { power: 'battery' }, /battery/],
    ['while no other supernode is there', { isAttached: false }, /attached/],
    ['during a call of its own', { hasOwnCall: true }, /call/],
    ['on a busy machine', { cpu: 0.6 }, /busy/],
    ['once the volume of the month is used up', { isVolumeUsedUp: true }, /volume/],
  ])('does not come %s', (_what, facts, why) => {
    const host = new Host();
    host.facts = { ...FIT, ...facts };
    expect(host.run(600)).toEqual([]);
    expect(host.policy.obstacle).toMatch(why);
    host.facts = { ...FIT };
    // The minute begins anew.
    expect(host.run(60)).toEqual([]);
    expect(host.run(1)).toHaveLength(1);
  });

  it('comes on battery where that was allowed', () => {
    const host = new Host({ servesOnBattery: true });
    host.facts = { ...FIT, power: 'battery' };
    host.serving();
    expect(host.run(100)).toEqual([]);
  });

  it('is tried again later and later when it fails, after six hours at the most', () => {
    const host = new Host();
    host.run(61);
    const pausesS: number[] = [];
    for (let i = 0; i < 9; i++) {
      host.policy.handleFailed(host.nowMs);
      const failedAtMs = host.nowMs;
      while (host.run(1).length === 0);
      pausesS.push((host.nowMs - 1000 - failedAtMs) / 1000 - 60);
    }
    expect(pausesS).toEqual([300, 600, 1200, 2400, 4800, 9600, 19_200, 21_600, 21_600]);
  });
});

describe('demotion', () => {
  it.each<[DemotionReason, Partial<VolunteerFacts>, number]>([
    ['battery', { power: 'battery' }, 1],
    ['network', { addresses: [] }, 1],
    ['network', { addresses: ['198.51.100.1'] }, 1],
    ['volume', { isVolumeUsedUp: true }, 1],
    ['unreachable', { isUnreached: true }, 1],
    ['overload', { cpu: 0.9 }, 11],
  ])('for %s begins with a drain and ends with a departure, when the last one has gone', (reason, facts, seconds) => {
    const host = new Host().serving();
    host.facts = { ...FIT, ...facts };
    expect(host.run(seconds - 1)).toEqual([]);
    expect(host.run(1)).toEqual([{ type: 'drain', reason }]);
    expect(host.run(5)).toEqual([]);
    host.policy.handleDrained();
    expect(host.policy.poll()).toEqual([{ type: 'depart', reason }]);
    host.policy.handleDeparted(host.nowMs);
    expect(host.policy.state).toBe('waiting');
    host.facts = { ...FIT };
    expect(host.run(359)).toEqual([]);
    expect(host.run(2)).toHaveLength(1);
  });

  it('is not for a moment of much work, a call of its own, or other supernodes that are away', () => {
    const host = new Host().serving();
    for (let i = 0; i < 20; i++) {
      host.facts = { ...FIT, cpu: i % 10 === 9 ? 0.1 : 1, hasOwnCall: true, isAttached: false };
      expect(host.run(1)).toEqual([]);
    }
  });

  it('carries calls for a quarter of an hour on battery, and for ten seconds once its address is gone', () => {
    const host = new Host().serving();
    host.facts = { ...FIT, power: 'battery' };
    expect(host.run(900)).toEqual([{ type: 'drain', reason: 'battery' }]);
    const other = new Host().serving();
    other.facts = { ...FIT, power: 'battery' };
    other.run(20);
    other.facts = { ...other.facts, addresses: [] };
    expect(other.run(10)).toEqual([]);
    expect(other.run(1)).toEqual([{ type: 'depart', reason: 'battery' }]);
    expect(host.run(1)).toEqual([{ type: 'depart', reason: 'battery' }]);
  });

  it('is not undone half-way, and forgotten after an hour of service', () => {
    const host = new Host().serving();
    host.facts = { ...FIT, power: 'battery' };
    host.run(1);
    host.facts = { ...FIT };
    expect(host.run(10)).toEqual([]);
    host.policy.handleDrained();
    host.policy.poll();
    host.policy.handleDeparted(host.nowMs);
    host.run(361);
    host.policy.handlePromoted(host.nowMs);
    host.run(3601);
    host.facts = { ...FIT, isVolumeUsedUp: true };
    host.run(1);
    host.policy.handleDrained();
    host.policy.poll();
    host.policy.handleDeparted(host.nowMs);
    host.facts = { ...FIT };
    expect(host.run(359)).toEqual([]);
    expect(host.run(2)).toHaveLength(1);
  });
});

describe('the end of the program', () => {
  it('drains for a minute at the most, whatever else goes on', () => {
    const host = new Host().serving();
    host.policy.stop(host.nowMs);
    expect(host.policy.poll()).toEqual([{ type: 'drain', reason: 'asked' }]);
    expect(host.run(60)).toEqual([]);
    expect(host.run(1)).toEqual([{ type: 'depart', reason: 'asked' }]);
    host.policy.handleDeparted(host.nowMs);
    expect(host.policy.state).toBe('stopped');
    expect(host.run(10_000)).toEqual([]);
  });

  it('waits for a promotion that is under way, and takes it back', () => {
    const host = new Host();
    host.run(61);
    host.policy.stop(host.nowMs);
    expect(host.policy.state).toBe('promoting');
    host.policy.handlePromoted(host.nowMs);
    expect(host.policy.poll()).toEqual([{ type: 'drain', reason: 'asked' }]);
    const other = new Host();
    other.run(61);
    other.policy.stop(other.nowMs);
    other.policy.handleFailed(other.nowMs);
    expect(other.policy.state).toBe('stopped');
  });
});

it('for any course of events, a supernode that runs is drained before it departs, and there is never a second one', () => {
  const facts = fc.record<VolunteerFacts>({
    addresses: fc.subarray(['192.0.2.7', '2001:db8::7']),
    power: fc.constantFrom('mains', 'battery', 'unknown'),
    isAttached: fc.boolean(),
    hasOwnCall: fc.boolean(),
    cpu: fc.constantFrom(0.1, 0.6, 0.9),
    isVolumeUsedUp: fc.boolean(),
    isUnreached: fc.boolean(),
  });
  const step = fc.oneof(
    { weight: 10, arbitrary: facts },
    fc.constantFrom('promoted', 'failed', 'drained', 'departed', 'pause', 'stop'),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const host = new Host({ settleMs: 0 });
      const order: string[] = [];
      for (const each of steps) {
        if (each === 'promoted') host.policy.handlePromoted(host.nowMs);
        else if (each === 'failed') host.policy.handleFailed(host.nowMs);
        else if (each === 'drained') host.policy.handleDrained();
        else if (each === 'departed') host.policy.handleDeparted(host.nowMs);
        else if (each === 'pause') host.nowMs += 21_600_000 * 1.25;
        else if (each === 'stop') host.policy.stop(host.nowMs);
        else {
          host.facts = each;
          order.push(...host.run(1).map(({ type }) => type));
        }
        if (each === 'failed' && order.at(-1) === 'promote' && host.policy.state !== 'serving') order.pop();
        order.push(...host.policy.poll().map(({ type }) => type));
      }
      expect(order.join(' ')).toMatch(/^(promote drain depart ?)*(promote( drain)?)?$/);
    }),
  );
});
