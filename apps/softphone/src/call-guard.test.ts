import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signingPublicKey } from '@overcall/identity';
import { toBase64Url } from '@overcall/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlockList } from './block-list.ts';
import { CallGuard } from './call-guard.ts';
import { ContactBook } from './contacts.ts';

const keyOf = (fill: number) => toBase64Url(new Uint8Array(32).fill(fill));

let dataDir: string;
let contacts: ContactBook;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'overcall-guard-'));
  contacts = new ContactBook({ dataDir });
  contacts.save('bob', { key: signingPublicKey(keyOf(2)), verified: false, since: 1 });
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('CallGuard', () => {
  it('lets everybody ring when nothing is said', () => {
    expect(new CallGuard(contacts).turnsAway('carol', keyOf(3))).toBeNull();
  });

  it('lets contacts alone ring, by name and key', () => {
    const guard = new CallGuard(contacts, 'contacts');
    expect(guard.turnsAway('bob', keyOf(2))).toBeNull();
    expect(guard.turnsAway('bob', keyOf(4))).toBe('not-a-contact');
    expect(guard.turnsAway('carol', keyOf(2))).toBe('not-a-contact');
  });

  it('lets nobody ring who would disturb, until he may again', () => {
    const guard = new CallGuard(contacts, 'anyone', true);
    expect(guard.turnsAway('bob', keyOf(2))).toBe('do-not-disturb');
    guard.doNotDisturb = false;
    expect(guard.turnsAway('bob', keyOf(2))).toBeNull();
  });
});

describe('BlockList', () => {
  it('keeps who is blocked, for other processes too', () => {
    const list = new BlockList({ dataDir });
    list.add('carol', 1);
    list.add('__proto__', 1);
    expect([list.has('carol'), list.has('bob'), list.has('toString')]).toEqual([true, false, false]);
    const other = new BlockList({ dataDir });
    expect(other.names).toContain('carol');
    other.remove('carol');
    expect(list.has('carol')).toBe(false);
  });
});
