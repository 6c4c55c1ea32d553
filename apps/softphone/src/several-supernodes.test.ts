import { afterEach, describe, expect, it } from 'vitest';
import type { SoftphoneEvent } from './softphone-options.ts';
import { SoftphoneWorld, type TestPhone } from './softphone-world.test-support.ts';

let world: SoftphoneWorld;
afterEach(async () => {
  await world.close();
});

const viaOf = (event: SoftphoneEvent | undefined) => event?.via as string[];

/** alice calls bob, who answers; both are heard. */
async function talk(): Promise<{ alice: TestPhone; bob: TestPhone; callId: string }> {
  const bob = await world.addPhone('bob', true);
  await bob.waitFor('attached', { where: ({ spare }) => spare === true });
  const alice = await world.addPhone('alice', false);
  const callId = alice.softphone.call('bob');
  const { callId: incoming } = await bob.waitFor('incoming');
  bob.softphone.accept(String(incoming));
  await Promise.all([alice.waitFor('first-audio'), bob.waitFor('first-audio'), alice.waitFor('path')]);
  return { alice, bob, callId };
}

describe('a call over one of two supernodes', () => {
  it('goes on over the other one when the one that carries it dies, and is hung up over that', async () => {
    world = await SoftphoneWorld.start('one', 'two');
    const { alice, bob, callId } = await talk();
    const routes = () => [...alice.softphone.routesOf(callId)].sort();
    await expect.poll(routes, { timeout: 10_000 }).toEqual(['one', 'two']);
    const [carrier] = viaOf(alice.events.findLast(({ event }) => event === 'path'));
    const from = alice.events.length;
    await world.kill(carrier!);
    const path = await alice.waitFor('path', { from });
    expect(viaOf(path)).toEqual([carrier === 'one' ? 'two' : 'one']);
    alice.softphone.hangUp(callId);
    expect(await bob.waitFor('ended')).toMatchObject({ reason: 'remote-hangup' });
  }, 60_000);
});
