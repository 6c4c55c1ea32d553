import { base64url, CompactEncrypt } from 'jose';
import { describe, expect, it } from 'vitest';
import { openWithPassphrase, sealWithPassphrase } from './passphrase.ts';

describe('what is kept under a passphrase', () => {
  it('comes back with the same passphrase, however its letters are composed', async () => {
    const sealed = await sealWithPassphrase('{"a":1}', 'schöne Töne');
    expect(sealed).not.toContain('{"a":1}');
    expect(await openWithPassphrase(`${sealed}\n`, 'schöne Töne'.normalize('NFD'))).toBe('{"a":1}');
  });

  it('does not with another one, nor when a bit of it was changed', async () => {
    const sealed = await sealWithPassphrase('content', 'long enough');
    await expect(openWithPassphrase(sealed, 'long enougH')).rejects.toMatchObject({
      code: 'passphrase-wrong',
    });
    const parts = sealed.split('.');
    const bytes = base64url.decode(parts[3]!);
    bytes[0]! ^= 1;
    parts[3] = base64url.encode(bytes);
    await expect(openWithPassphrase(parts.join('.'), 'long enough')).rejects.toMatchObject({
      code: 'passphrase-wrong',
    });
  });

  it('refuses short passphrases', async () => {
    await expect(sealWithPassphrase('content', '1234567')).rejects.toMatchObject({
      code: 'passphrase-too-short',
    });
  });

  it('does not open what was made another way, nor what would take minutes', async () => {
    const key = new Uint8Array(32);
    const direct = new CompactEncrypt(key).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(key);
    const header = JSON.stringify({
      alg: 'PBES2-HS512+A256KW',
      enc: 'A256GCM',
      p2c: 2_000_001,
      p2s: 'AAAAAAAAAAAAAAAAAAAAAA',
    });
    const slow = `${base64url.encode(header)}.AAAA.AAAA.AAAA.AAAA`;
    for (const [sealed, why] of [
      [await direct, /alg/],
      [slow, /p2c/],
    ] as const) {
      const error = await openWithPassphrase(sealed, 'long enough').catch((error) => error);
      expect([error.code, error.cause.message]).toEqual(['passphrase-wrong', expect.stringMatching(why)]);
    }
  });

  it('does not open what is no JWE at all', async () => {
    for (const text of ['', 'a.b.c.d.e', '{}'])
      await expect(openWithPassphrase(text, 'long enough')).rejects.toMatchObject({
        code: 'passphrase-wrong',
      });
  });
});
