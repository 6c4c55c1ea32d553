import { SignalType } from '@overcall/wire';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MAX_PING_MS, PING_ANSWER_TIMEOUT_MS } from './call-types.ts';
import { CALL_ID, makeParties, OTHER_CALL_ID, type Party, PhoneWorld } from './phone-pair.test-support.ts';
import { PingLimit } from './ping-limit.ts';

let parties: Party[];
let world: PhoneWorld;
beforeAll(async () => {
  parties = await makeParties('alice', 'bob', 'carol');
});
beforeEach(() => {
  world = new PhoneWorld(parties);
});

function ping(from: string, to: string, callId = CALL_ID): void {
  world.phone(from).ping(callId, to, world.nowMs);
  world.settle();
}

const pingEnd = () => {
  const event = world.events.get('alice')!.at(-1);
  return event?.event === 'ping-ended' ? event.reason : undefined;
};

describe('a ping', () => {
  it('makes a leg at both ends, and nobody at the other end is told', () => {
    ping('alice', 'bob');
    expect(world.eventNames('alice')).toEqual(['ping-answered']);
    expect(world.eventNames('bob')).toEqual([]);
    const legs = ['alice', 'bob'].map((name) => world.legs.get(name)!.map(({ purpose }) => purpose));
    expect(legs).toEqual([['ping'], ['ping']]);
    const [a, b] = ['alice', 'bob'].map((name) => world.legs.get(name)![0]!);
    expect(a!.keys.send).toEqual(b!.keys.receive);
  });

  it('never becomes a call, whatever either side says afterwards', () => {
    ping('alice', 'bob');
    for (const name of ['alice', 'bob']) {
      world.phone(name).accept(CALL_ID, world.nowMs);
      world.phone(name).decline(CALL_ID, world.nowMs);
    }
    world.settle();
    expect([world.talks.get('alice'), world.talks.get('bob')]).toEqual([[], []]);
    expect(world.eventNames('bob')).toEqual([]);
    expect(world.eventNames('alice')).toEqual(['ping-answered']);
  });

  it('ends without a word at the other end', () => {
    ping('alice', 'bob');
    world.phone('alice').hangUp(CALL_ID, world.nowMs);
    world.settle();
    expect(pingEnd()).toBe('hangup');
    expect([world.eventNames('bob'), world.phone('bob').deadline]).toEqual([[], Number.POSITIVE_INFINITY]);
  });

  it('is ended by the other side after a minute, and when that goes', () => {
    ping('alice', 'bob');
    world.phones.get('bob')!.handleTimeout(MAX_PING_MS);
    world.settle();
    expect(pingEnd()).toBe('remote-hangup');
    ping('alice', 'bob', OTHER_CALL_ID);
    world.phone('bob').hangUpAll(world.nowMs);
    world.settle();
    expect(pingEnd()).toBe('remote-hangup');
  });

  it('is answered by a phone that talks, and the talk goes on', () => {
    world.call('carol', 'bob', OTHER_CALL_ID);
    world.settle();
    world.phone('bob').accept(OTHER_CALL_ID, world.nowMs);
    world.settle();
    ping('alice', 'bob');
    expect(world.eventNames('alice')).toEqual(['ping-answered']);
    expect(world.eventNames('bob')).toEqual(['incoming', 'answered']);
  });

  it('makes neither side busy', () => {
    ping('alice', 'bob');
    world.call('bob', 'alice', OTHER_CALL_ID);
    world.settle();
    expect(world.eventNames('alice').at(-1)).toBe('incoming');
    expect(world.eventNames('bob')).toEqual(['calling', 'ringing']);
  });

  it('that meets a call from the one who is pinged leaves it alone', () => {
    world.phone('alice').ping(CALL_ID, 'bob', world.nowMs);
    world.call('bob', 'alice', OTHER_CALL_ID);
    world.settle();
    expect(world.eventNames('alice')).toEqual(expect.arrayContaining(['ping-answered', 'incoming']));
    expect(world.talks.get('alice')).toEqual([]);
  });

  it('of somebody who is not there ends at once', () => {
    world.absent.add('bob');
    ping('alice', 'bob');
    expect(world.eventNames('alice')).toEqual(['ping-ended']);
    expect(pingEnd()).toBe('unreachable');
  });

  it('of a softphone that does not know pings says so', () => {
    world.phone('alice').ping(CALL_ID, 'bob', world.nowMs);
    world.drain();
    while (world.wire.length > 0) {
      const signal = world.wire.shift()!;
      // What such a softphone cannot read it drops.
      if (!(signal.to === 'bob' && signal.body[0] === SignalType.Sealed)) world.deliver(signal);
    }
    world.advance(PING_ANSWER_TIMEOUT_MS);
    expect(pingEnd()).toBe('unsupported');
  });

  it('of a softphone that says nothing at all ends, too', () => {
    world.phone('alice').ping(CALL_ID, 'bob', world.nowMs);
    world.drain();
    world.wire.length = 0;
    world.advance(PING_ANSWER_TIMEOUT_MS);
    expect(pingEnd()).toBe('unreachable');
  });

  it.each(['ping', 'call'] as const)('that is recorded and played again does nothing (%s)', (what) => {
    if (what === 'ping') world.phone('alice').ping(CALL_ID, 'bob', world.nowMs);
    else world.phone('alice').call(CALL_ID, 'bob', world.nowMs);
    world.drain();
    const recorded: typeof world.wire = [];
    while (world.wire.length > 0) {
      const signal = world.wire.shift()!;
      if (signal.to === 'bob') recorded.push(signal);
      world.deliver(signal);
    }
    world.phone('alice').hangUp(CALL_ID, world.nowMs);
    world.settle();
    const before = [world.eventNames('bob').length, world.legs.get('bob')!.length];
    for (const signal of recorded) world.deliver(signal);
    expect([world.eventNames('bob').length, world.legs.get('bob')!.length]).toEqual(before);
  });

  it('too many is refused', () => {
    for (const i of [0, 1, 2]) ping('alice', 'bob', `${i}`.repeat(22));
    expect(world.eventNames('alice')).toEqual(['ping-answered', 'ping-answered', 'ping-ended']);
    expect(pingEnd()).toBe('busy');
    expect(world.eventNames('bob')).toEqual([]);
    ping('carol', 'bob', 'x'.repeat(22));
    expect(world.eventNames('carol')).toEqual(['ping-answered']);
  });
});

describe('pings are answered', () => {
  it('six times a minute for one user', () => {
    const limit = new PingLimit();
    const admitted = [0, 1, 2, 3, 4, 5, 6, 59_999].map((atMs) => limit.admit('a', [], atMs));
    expect(admitted).toEqual([true, true, true, true, true, true, false, false]);
    expect([limit.admit('b', [], 60_000), limit.admit('a', [], 60_000)]).toEqual([true, true]);
  });

  it('thirty times a minute in all', () => {
    const limit = new PingLimit();
    const admitted = Array.from({ length: 40 }, (_, i) => limit.admit(`user ${i}`, [], i));
    expect(admitted.filter(Boolean).length).toBe(30);
    expect(limit.admit('a', [], 60_000)).toBe(true);
  });

  it('four at once, two of them for one user', () => {
    const limit = new PingLimit();
    expect(limit.admit('a', ['a', 'b'], 0)).toBe(true);
    expect(limit.admit('a', ['a', 'a'], 0)).toBe(false);
    expect(limit.admit('c', ['a', 'a', 'b', 'b'], 0)).toBe(false);
  });
});
