import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSelfSigned, loadOrCreateTls } from './self-signed-certificate.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-tls-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('is made once and kept, the key for its owner only', async () => {
  const data = join(folder, 'data');
  const made = await loadOrCreateTls(data, 'test', ['127.0.0.1']);
  expect(made.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(await loadOrCreateTls(data, 'test', [])).toEqual(made);
  expect(statSync(join(data, 'tls-key.pem')).mode & 0o777).toBe(0o600);
});

it('is refused when damaged or when key and certificate do not match', async () => {
  await loadOrCreateTls(folder, 'test', []);
  writeFileSync(join(folder, 'tls-key.pem'), (await createSelfSigned('other', [])).key);
  await expect(loadOrCreateTls(folder, 'test', [])).rejects.toMatchObject({ code: 'tls-files-damaged' });
  writeFileSync(join(folder, 'tls-certificate.pem'), 'junk');
  await expect(loadOrCreateTls(folder, 'test', [])).rejects.toMatchObject({ code: 'tls-files-damaged' });
});
