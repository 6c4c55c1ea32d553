import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InCall, type InCallMessage } from './in-call.ts';
import { CALL_ID, makeParties, type Party, PhoneWorld } from './phone-pair.test-support.ts';

const KEYS = '0123456789*#ABCD';

/** What one side does: press a key, or say one of two states. */
const action = fc.oneof(
  fc.constantFrom(...KEYS).map((key) => ({ key })),
  fc.record({ name: fc.constantFrom('muted' as const, 'held' as const), on: fc.boolean() }),
);

describe('what is said in a call', () => {
  it('is understood whatever is lost, repeated or comes late, if only the last of each kind comes', () => {
    const scenario = fc.record({
      actions: fc.array(action, { maxLength: 30 }),
      order: fc.array(fc.nat(100)),
      late: fc.array(fc.nat(100)),
    });
    fc.assert(
      fc.property(scenario, ({ actions, order, late }) => {
        const [here, there] = [new InCall(), new InCall()];
        const sent: InCallMessage[] = [];
        for (const one of actions) {
          const message = 'key' in one ? here.press(one.key) : here.setState(one.name, one.on);
          if (message !== null) sent.push(message);
        }
        const some = (order: number[]) => order.flatMap((index) => sent[index] ?? []);
        const last = (t: string) => sent.findLast((message) => message.t === t) ?? [];
        const arrived = [some(order), last('keys'), last('state'), some(late)];
        for (const message of arrived.flat()) there.handle(message, 0);

        const said = here.poll();
        const heard = there.poll();
        const keysOf = (changes: typeof said) =>
          changes.flatMap((c) => (c.event === 'key' ? c.key : [])).join('');
        expect(keysOf(heard)).toBe(keysOf(said));
        for (const event of ['mute', 'hold']) {
          const states = heard.flatMap((c) => (c.event === event && 'on' in c ? c.on : []));
          const name = event === 'mute' ? here.isMuted : here.isHeld;
          expect(states.at(-1) ?? false).toBe(name);
        }
      }),
    );
  });

  it('is bounded while nobody looks, whatever the peer sends', () => {
    const there = new InCall();
    for (let i = 0; i < 1000; i++) {
      there.handle({ t: 'keys', first: i * 32, keys: '1'.repeat(32) }, 0);
      there.handle({ t: 'state', seq: i + 1, muted: i % 2 === 0, held: i % 2 === 1 }, 0);
    }
    expect(there.poll().length).toBeLessThanOrEqual(64);
  });

  it('tells no more keys than fingers press, whatever the peer sends', () => {
    const there = new InCall();
    let told = 0;
    for (let i = 0; i < 1000; i++) {
      there.handle({ t: 'keys', first: i * 32, keys: '1'.repeat(32) }, 10 * i);
      told += there.poll().length;
    }
    expect(told).toBeLessThanOrEqual(64 + 200);
    expect(told).toBeGreaterThan(200);
  });

  it('is no key that a telephone does not have', () => {
    expect(() => new InCall().press('a')).toThrow(TypeError);
    expect(() => new InCall().press('12')).toThrow(TypeError);
  });
});

describe('mute, hold and keys', () => {
  let parties: Party[];
  let world: PhoneWorld;
  beforeAll(async () => {
    parties = await makeParties('alice', 'bob');
  });
  beforeEach(() => {
    world = new PhoneWorld(parties);
    world.call('alice', 'bob');
    world.settle();
  });
  const told = (name: string) =>
    world.events.get(name)!.filter(({ event }) => ['mute', 'hold', 'key'].includes(event));

  it('are told to both sides of a call', () => {
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
    world.phone('alice').sayInCall(CALL_ID, (call) => call.setState('muted', true));
    for (const key of '12#') world.phone('bob').sayInCall(CALL_ID, (call) => call.press(key));
    world.phone('alice').sayInCall(CALL_ID, (call) => call.setState('held', true));
    world.phone('alice').sayInCall(CALL_ID, (call) => call.setState('held', true));
    world.settle();
    expect(told('alice')).toEqual([
      { event: 'mute', callId: CALL_ID, by: 'self', on: true },
      { event: 'hold', callId: CALL_ID, by: 'self', on: true },
      ...[...'12#'].map((key) => ({ event: 'key', callId: CALL_ID, by: 'peer', key })),
    ]);
    expect(told('bob')).toContainEqual({ event: 'mute', callId: CALL_ID, by: 'peer', on: true });
    expect(told('bob')).toContainEqual({ event: 'hold', callId: CALL_ID, by: 'peer', on: true });
  });

  it('are not said before the answer, and not told', () => {
    world.phone('bob').sayInCall(CALL_ID, (call) => call.press('1'));
    world.phone('alice').sayInCall(CALL_ID, (call) => call.setState('muted', true));
    world.settle();
    expect([...told('alice'), ...told('bob')]).toEqual([]);
  });

  it('that overtake the accept are told once the call has begun', () => {
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.phone('bob').sayInCall(CALL_ID, (call) => call.setState('held', true));
    world.drain();
    world.wire.reverse();
    world.settle();
    expect(world.eventNames('alice')).toEqual(['calling', 'ringing', 'answered', 'hold']);
  });
});
