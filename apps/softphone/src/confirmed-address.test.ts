import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SoftphoneWorld, type TestPhone } from './softphone-world.test-support.ts';

let world: SoftphoneWorld;
let alice: TestPhone;
beforeAll(async () => {
  world = await SoftphoneWorld.start('one');
  alice = await world.addPhone('alice', ['one'], { path: 'auto' });
}, 60_000);
afterAll(() => world.close());

/** Of the twenty questions that a relay answers at once. */
const MAX_GUESSES = 6;

/** Whether alice, who guesses right, is told by the relay where the other one is, once they talk. */
async function isBorneOut(name: string, callee: TestPhone): Promise<boolean> {
  const attachment = alice.softphone.pool.all[0]!;
  const open = attachment.openRelay.bind(attachment);
  const flows: { receiveFlow: number; sendFlow: number }[] = [];
  attachment.openRelay = (flow) => {
    flows.push(flow);
    return open(flow);
  };
  const callId = alice.softphone.call(name);
  await callee.waitFor('incoming');
  callee.softphone.accept(callId);
  await alice.waitFor('first-audio', { where: (event) => event.callId === callId });
  attachment.openRelay = open;
  const { receiveFlow, sendFlow } = flows[0]!;
  let known = false;
  for (let guesses = 0; !known && guesses < MAX_GUESSES; guesses++) {
    ({ known } = await attachment.confirmPeer({ receiveFlow, sendFlow, address: '127.0.0.1' }));
    if (!known) await delay(50);
  }
  alice.softphone.hangUp(callId);
  await alice.waitFor('ended', { where: (event) => event.callId === callId });
  return known;
}

it('who may know an address is told that a guess is right', async () => {
  const bob = await world.addPhone('bob', ['one'], { path: 'auto', accepts: true });
  expect(await isBorneOut('bob', bob)).toBe(true);
}, 60_000);

it('of somebody with --path relay, or who exposes no address, nobody is told', async () => {
  const carol = await world.addPhone('carol', ['one'], { path: 'relay', accepts: true });
  expect(await isBorneOut('carol', carol)).toBe(false);
  const dave = await world.addPhone('dave', ['one'], { path: 'auto', exposeAddress: 'never', accepts: true });
  expect(await isBorneOut('dave', dave)).toBe(false);
}, 60_000);
