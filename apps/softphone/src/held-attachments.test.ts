import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '@overcall/cli';
import { generateSigningKey, publicKeyOf } from '@overcall/identity';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HeldAttachments, type HeldHandlers } from './held-attachments.ts';
import type { Profile } from './profile.ts';
import { StandIn, standInProfile } from './stand-in-supernode.test-support.ts';

let profile: Profile;
let supernode: StandIn;
let held: HeldAttachments;
let said: string[];
beforeEach(async () => {
  said = [];
  profile = await standInProfile(await generateSigningKey());
  supernode = await new StandIn(profile).start();
  const handlers: HeldHandlers = {
    ...{ onSignal() {}, onUndeliverable() {}, onRefused() {}, onMove() {}, onRelay() {}, onUnprovable() {} },
    ...{ onSuspect() {}, onFailed() {}, judge: async (_entry, error) => error },
    onList: (_attachment, version) => void said.push(`list ${version}`),
    onAttached: (_attachment, isSpare) => void said.push(isSpare ? 'spare' : 'attached'),
    onLost: (_attachment, how) => void said.push(how),
  };
  const network = () => ({ socketFor: () => null, send: () => {} });
  const self = { endpoint: 'e'.repeat(22), profile: () => profile, network };
  held = new HeldAttachments(self, handlers, createLogger('test', 'silent'));
});
afterEach(async () => {
  held.close();
  await supernode.close();
});

it('holds an attachment before anything is heard that its supernode said meanwhile', async () => {
  supernode.beforePong = [{ t: 'list', version: 2 }];
  const attachment = await held.attach(supernode.entry);
  expect(said).toEqual(['attached', 'list 2']);
  expect(held.get(attachment.supernodeId)).toBe(attachment);
});

it('attaches once when it is asked twice', async () => {
  const [first, second] = await Promise.all([held.attach(supernode.entry), held.attach(supernode.entry)]);
  expect(second).toBe(first);
  expect([held.size, held.underWay]).toEqual([1, 0]);
});

it('tells of a connection that broke, and of none that it gave up itself', async () => {
  const lost = await held.attach(supernode.entry);
  await supernode.close();
  await expect.poll(() => said).toEqual(['attached', 'lost']);
  expect(held.get(lost.supernodeId)).toBeUndefined();
  expect(held.forget(lost.supernodeId)).toBeUndefined();
});

it('tries a second connection beside a slow one, but not when all supernodes are lost and everybody comes', async () => {
  const connections: Socket[] = [];
  const silent = createServer((socket) => void connections.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const key = publicKeyOf(await generateSigningKey());
  const attachToSilent = () =>
    held.attach({ ...supernode.entry, key, control: [address] }).catch(() => 'gave up');
  const giveUp = (attaching: Promise<unknown>) => {
    for (const socket of connections.splice(0)) socket.destroy();
    return attaching;
  };
  await held.attach(supernode.entry);
  const besideAnother = attachToSilent();
  await expect.poll(() => connections.length).toBe(2);
  expect(await giveUp(besideAnother)).toBe('gave up');
  await supernode.close();
  await expect.poll(() => held.size).toBe(0);
  const afterAll = attachToSilent();
  // Longer than a second one is waited for.
  await delay(2200);
  expect(connections).toHaveLength(1);
  expect(await giveUp(afterAll)).toBe('gave up');
  silent.close();
});
