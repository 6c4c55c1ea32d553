import { SignalType, writeSignalBody } from '@overcall/wire';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { anotherSoftphone, CALL_ID, makeParties, type Party, PhoneWorld } from './phone-pair.test-support.ts';

let parties: Party[];
let world: PhoneWorld;
beforeAll(async () => {
  parties = await makeParties('alice', 'bob');
  parties.push(anotherSoftphone(parties[1]!, 'bob2'));
});
beforeEach(() => {
  world = new PhoneWorld(parties);
  world.call('alice', 'bob');
});

const end = (name: string) => world.events.get(name)!.find(({ event }) => event === 'ended');
const ELSEWHERE = expect.objectContaining({ reason: 'remote-hangup', elsewhere: true });

/** Delivers all there is but what this softphone gets or says. */
function settleWithout(name: string): void {
  const kept = [];
  for (let signal = world.wire.shift(); signal !== undefined; signal = world.wire.shift())
    if (signal.from === name || signal.to === name) kept.push(signal);
    else world.deliver(signal);
  world.wire.push(...kept);
}

it('a softphone of the callee stops ringing though the caller, who is slow, has not heard of the answer', () => {
  world.settle();
  world.phone('bob2').accept(CALL_ID, world.nowMs);
  world.drain();
  settleWithout('alice');
  expect(world.eventNames('alice')).not.toContain('answered');
  expect(end('bob')).toEqual(ELSEWHERE);
  world.settle();
  expect(world.eventNames('alice')).toEqual(['calling', 'ringing', 'answered']);
  expect(world.eventNames('bob').filter((event) => event === 'ended')).toHaveLength(1);
  expect(end('bob2')).toBeUndefined();
});

it('a softphone does not ring at all when another one was answered before', () => {
  // bob2 gets nothing of the caller until bob has answered.
  const toBob2 = () => {
    const late = world.wire.filter(({ to }) => to === 'bob2');
    world.wire.splice(0, world.wire.length, ...world.wire.filter(({ to }) => to !== 'bob2'));
    return late;
  };
  // The invite and its reply pass, the confirm waits.
  for (let i = 0; i < 4; i++) world.deliver(world.wire.shift()!);
  const late = toBob2();
  world.settle();
  world.phone('bob').accept(CALL_ID, world.nowMs);
  world.settle();
  for (const signal of late) world.deliver(signal);
  world.settle();
  expect(world.eventNames('bob2')).toEqual([]);
});

it('only who knows the number of the call stops it', () => {
  world.settle();
  const token = new Uint8Array(16).fill(7);
  const body = writeSignalBody({ type: SignalType.Stop, token });
  world.deliver({ from: 'alice', to: 'bob', callId: CALL_ID, body });
  expect(end('bob')).toBeUndefined();
  expect(world.phone('bob').isIdle).toBe(false);
});

it('a caller that does not know of it stops them as before', () => {
  world.phone('bob').handleFound = () => {};
  world.settle();
  world.phone('bob').accept(CALL_ID, world.nowMs);
  world.settle();
  expect(end('bob2')).toEqual(ELSEWHERE);
});
