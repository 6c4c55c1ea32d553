import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey } from '@overcall/identity';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readFileIfThere, readPrivateFile, writePrivateFile } from './private-file.ts';
import { loadOrCreateSigningKey, parseSigningKey } from './signing-key-file.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-private-'));
  file = join(folder, 'data', 'key.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

it.each([true, false])('is written whole, for its owner only (durable: %s)', (durable) => {
  writePrivateFile(file, 'old', { durable });
  chmodSync(file, 0o644);
  writePrivateFile(file, 'new', { durable });
  expect(readPrivateFile(file)).toBe('new');
  expect([modeOf(file), modeOf(join(folder, 'data'))]).toEqual([0o600, 0o700]);
  expect(readdirSync(join(folder, 'data'))).toEqual(['key.json']);
});

it('leaves what there was, and nothing else, where the disk takes only a part of it', () => {
  writePrivateFile(file, 'old');
  const write = `
    const { writePrivateFile } = await import(${JSON.stringify(import.meta.resolve('./private-file.ts'))});
    try { writePrivateFile(${JSON.stringify(file)}, 'n'.repeat(50_000)); } catch (error) { console.log(error.code); }`;
  // A limit of 8 KiB for each file does what a full disk does: one short write, and only then an error.
  const { stdout } = spawnSync(
    'sh',
    ['-c', 'ulimit -f 16; exec "$0" --input-type=module -e "$1"', process.execPath, write],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout).toBe('EFBIG\n');
  expect(readPrivateFile(file)).toBe('old');
  expect(readdirSync(join(folder, 'data'))).toEqual(['key.json']);
});

it('is not read while others may read it, and says what to do', () => {
  writePrivateFile(file, 'secret');
  for (const mode of [0o604, 0o640, 0o620]) {
    chmodSync(file, mode);
    expect(() => readPrivateFile(file)).toThrow(
      expect.objectContaining({
        code: 'key-file-open',
        remedy: `close it: chmod 600 ${file}`,
      }),
    );
  }
});

it('is null where there is none, and an error where something else is', () => {
  expect([readPrivateFile(file), readFileIfThere(file)]).toEqual([null, null]);
  mkdirSync(file, { recursive: true, mode: 0o700 });
  expect(() => readPrivateFile(file)).toThrow(
    expect.objectContaining({ code: 'key-file-unreadable', message: expect.stringContaining(file) }),
  );
});

it('keeps a signing key, made once, and refuses a damaged one or one of mixed halves', async () => {
  const key = await loadOrCreateSigningKey(file);
  expect(await loadOrCreateSigningKey(file)).toEqual(key);
  const other = await generateSigningKey();
  for (const text of ['', '{}', JSON.stringify({ ...key, x: other.x })]) {
    expect(() => parseSigningKey(text, file)).toThrow(expect.objectContaining({ code: 'key-file-damaged' }));
    writeFileSync(file, text);
    await expect(loadOrCreateSigningKey(file)).rejects.toMatchObject({ code: 'key-file-damaged' });
  }
});
