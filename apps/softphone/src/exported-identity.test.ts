import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealWithPassphrase } from '@overcall/identity';
import { writePrivateFile } from '@overcall/net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ExportedIdentity, readExport, writeExport } from './exported-identity.ts';

const PASSPHRASE = 'correct horse';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-export-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('says which file it was given, where that cannot be written or holds something else', async () => {
  const file = join(folder, 'file');
  writePrivateFile(file, await sealWithPassphrase('no JSON', PASSPHRASE));
  const unusable = { code: 'export-unusable', message: expect.stringContaining(file) };
  await expect(readExport(file, PASSPHRASE)).rejects.toMatchObject(unusable);
  const below = join(file, 'below');
  await expect(writeExport(below, {} as ExportedIdentity, PASSPHRASE)).rejects.toMatchObject(unusable);
});
