import { generateSigningKey } from '@overcall/identity';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Attachment, type AttachmentHandlers } from './attachment.ts';
import type { Profile } from './profile.ts';
import { StandIn, standInProfile } from './stand-in-supernode.test-support.ts';

let profile: Profile;
let supernode: StandIn;
let attachment: Attachment | undefined;
beforeEach(async () => {
  profile = await standInProfile(await generateSigningKey());
  supernode = await new StandIn(profile).start();
});
afterEach(async () => {
  attachment?.close();
  attachment = undefined;
  await supernode.close();
});

const lists: number[] = [];
const handlers: AttachmentHandlers = {
  ...{ onSignal() {}, onUndeliverable() {}, onRefused() {}, onMove() {}, onHeard() {}, onClose() {} },
  onList: (_attachment, version) => void lists.push(version),
};

it('tells what comes before the last word of attaching once it stands, and not before', async () => {
  supernode.beforePong = [{ t: 'list', version: 2 }];
  attachment = await Attachment.open(supernode.entry, profile, 'e'.repeat(22), handlers);
  expect(lists).toEqual([]);
  attachment.start();
  expect(lists).toEqual([2]);
});

it('says why it was refused, also when it had been taken a moment before', async () => {
  supernode.insteadOfPong = { t: 'refused', code: 'draining', message: 'about to stop', retryAfterMs: 7 };
  await expect(Attachment.open(supernode.entry, profile, 'e'.repeat(22), handlers)).rejects.toMatchObject({
    code: 'draining',
    retryAfterMs: 7,
  });
});
