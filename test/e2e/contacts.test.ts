import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage } from '@overcall/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
let network: Network;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
  network = await Network.start(openLoopbackStage(), folder);
  await Promise.all(['alice', 'bob', 'carol'].map((user) => network.register('alice', user)));
});
afterAll(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

const SILENT = ['--play', 'null', '--record', 'null'];
const contactsOf = (user: string) => join(network.homeOf(user), 'contacts.json');

/** Has alice remember carol's key as bob's, as if bob's had changed since. */
function rememberWrongKey(verified: boolean): void {
  const { identity } = JSON.parse(readFileSync(join(network.homeOf('carol'), 'keys.json'), 'utf8'));
  const key = { kty: identity.kty, crv: identity.crv, x: identity.x };
  writeFileSync(contactsOf('alice'), JSON.stringify({ bob: { key, verified, since: 1 } }));
}

describe('a verified contact whose key changed', () => {
  it('is refused when called, and when calling: nothing rings', async () => {
    rememberWrongKey(true);
    const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', ...SILENT);
    await bob.waitFor('attached');
    const alice = network.overcall('alice', 'alice', 'call', 'bob', ...SILENT);
    expect(await alice.exited).toBe(5);
    expect(alice.stderr).toMatch(
      /^overcall: the identity key of bob, whom you verified, has changed[^\n]*\n$/,
    );
    expect(bob.find('incoming')).toBeUndefined();
    await bob.stop();

    const listener = network.overcall('alice', 'alice', 'listen', '--auto-answer', ...SILENT);
    await listener.waitFor('attached');
    const caller = network.overcall('bob', 'bob', 'call', 'alice', ...SILENT);
    expect(await caller.exited).toBe(3);
    expect(listener.find('incoming')).toBeUndefined();
    await listener.stop();
  });

  it('is looked up with exit 5, and taken again once verified anew', async () => {
    rememberWrongKey(true);
    expect(await network.overcall('alice', 'alice', 'lookup', 'bob').exited).toBe(5);
    expect(await network.overcall('alice', 'alice', 'verify', 'bob').exited).toBe(5);
    const { safetyNumber } = await network.result('bob', 'bob', 'verify', 'alice', '--show');
    const anew = await network.result('alice', 'alice', 'verify', 'bob', '--number', String(safetyNumber));
    expect(anew).toMatchObject({ verified: true });
    expect(await network.result('alice', 'alice', 'lookup', 'bob')).toMatchObject({ verified: true });
  });
});

describe('a contact that was never verified', () => {
  it('is called with a warning when the key changed', async () => {
    rememberWrongKey(false);
    const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', '--once', ...SILENT);
    await bob.waitFor('attached');
    const alice = network.overcall('alice', 'alice', 'call', 'bob', ...SILENT, '--duration', '1');
    expect(await alice.exited).toBe(0);
    expect(alice.find('contact-key-changed')).toMatchObject({ name: 'bob', verified: false });
    await bob.exited;
  });

  it('is somebody one called, not somebody who called', async () => {
    const carol = network.overcall('bob', 'carol', 'listen', '--auto-answer', '--once', ...SILENT);
    await carol.waitFor('attached');
    expect(
      await network.overcall('alice', 'alice', 'call', 'carol', ...SILENT, '--duration', '1').exited,
    ).toBe(0);
    await carol.exited;
    expect(JSON.parse(readFileSync(contactsOf('alice'), 'utf8'))).toHaveProperty('carol');
    expect(existsSync(contactsOf('carol'))).toBe(false);
  });
});

describe('who may call', () => {
  it('who is blocked finds nobody there, and who is no contact hears that it is busy', async () => {
    await network.result('bob', 'bob', 'contacts', 'block', 'alice');
    expect(await network.result('bob', 'bob', 'contacts', 'list')).toMatchObject({
      name: 'alice',
      blocked: true,
    });
    const bob = network.overcall(
      'bob',
      'bob',
      'listen',
      '--auto-answer',
      '--allow-calls',
      'contacts',
      ...SILENT,
    );
    await bob.waitFor('attached');
    const blocked = network.overcall('alice', 'alice', 'call', 'bob', ...SILENT);
    const stranger = network.overcall('alice', 'carol', 'call', 'bob', ...SILENT);
    expect(await Promise.all([blocked.exited, stranger.exited])).toEqual([3, 4]);
    expect(bob.events.filter(({ event }) => event === 'missed' || event === 'incoming')).toMatchObject([
      { event: 'missed', from: 'carol', reason: 'not-a-contact' },
    ]);
    await network.result('bob', 'bob', 'contacts', 'add', 'carol');
    const contact = network.overcall('alice', 'carol', 'call', 'bob', ...SILENT, '--duration', '0.2');
    expect(await contact.exited).toBe(0);
    await bob.stop();
  });
});
