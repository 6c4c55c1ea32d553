import { afterEach, describe, expect, it } from 'vitest';
import type { SoftphoneEvent } from './softphone-options.ts';
import { SoftphoneWorld, type TestPhone } from './softphone-world.test-support.ts';

let world: SoftphoneWorld;
afterEach(async () => {
  await world.close();
});

const viaOf = (event: SoftphoneEvent | undefined) => event?.via as string[];

/** alice calls bob, who answers; both are heard. */
async function talk(alice: TestPhone, bob: TestPhone): Promise<string> {
  const callId = alice.softphone.call('bob');
  const { callId: incoming } = await bob.waitFor('incoming');
  bob.softphone.accept(String(incoming));
  await Promise.all([alice.waitFor('first-audio'), bob.waitFor('first-audio'), alice.waitFor('path')]);
  return callId;
}

describe('a call over one of two supernodes', () => {
  it('goes on over the other one when the one that carries it dies, and is hung up over that', async () => {
    world = await SoftphoneWorld.start('one', 'two');
    const bob = await world.addPhone('bob', ['one', 'two'], { accepts: true });
    const alice = await world.addPhone('alice', ['one', 'two']);
    const callId = await talk(alice, bob);
    const routes = () => [...alice.softphone.routesOf(callId)].sort();
    await expect.poll(routes).toEqual(['one', 'two']);
    const [carrier] = viaOf(alice.events.findLast(({ event }) => event === 'path'));
    const from = alice.events.length;
    await world.kill(carrier!);
    const path = await alice.waitFor('path', { from });
    expect(viaOf(path)).toEqual([carrier === 'one' ? 'two' : 'one']);
    alice.softphone.hangUp(callId);
    expect(await bob.waitFor('ended')).toMatchObject({ reason: 'remote-hangup' });
  }, 60_000);
});

describe('a call between two who share no supernode', () => {
  it('goes from supernode to supernode, and goes on when one of these dies', async () => {
    world = await SoftphoneWorld.start('one', 'two', 'three', 'four');
    const bob = await world.addPhone('bob', ['one', 'two'], { accepts: true });
    const alice = await world.addPhone('alice', ['three', 'four']);
    const callId = await talk(alice, bob);
    const routes = () => alice.softphone.routesOf(callId).map((route) => route.split(' '));
    await expect.poll(() => routes().length).toBe(2);
    for (const [first, last] of routes()) {
      expect(['three', 'four']).toContain(first);
      expect(['one', 'two']).toContain(last);
    }
    const [, carrier] = viaOf(alice.events.findLast(({ event }) => event === 'path'));
    const from = alice.events.length;
    await world.kill(carrier!);
    const path = await alice.waitFor('path', { from });
    expect(path).toMatchObject({ kind: 'overlay' });
    expect(viaOf(path)).not.toContain(carrier);
    bob.softphone.hangUp(String(bob.events.find(({ event }) => event === 'incoming')!.callId));
    expect(await alice.waitFor('ended')).toMatchObject({ reason: 'remote-hangup' });
  }, 60_000);
});
