import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KnownDirectory } from '@overcall/net';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { resolveDirectory } from './commands/common.ts';
import { register } from './profile.ts';
import { rememberDirectory } from './remembered-directory.ts';

let folder: string;
let directories: RunningDirectory[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-remembered-'));
  directories = [];
});
afterEach(async () => {
  await Promise.all(directories.map((directory) => directory.close()));
  rmSync(folder, { recursive: true });
});

const home = () => ({ dataDir: join(folder, 'home') });
/** As `doctor` does. */
async function use(directory: string): Promise<KnownDirectory> {
  const known = await resolveDirectory(home(), options(directory));
  rememberDirectory(home(), known);
  return known;
}
const options = (directory?: string) => ({
  logLevel: 'silent' as const,
  ...(directory ? { directory } : {}),
});

async function start(listen = '127.0.0.1:0'): Promise<RunningDirectory> {
  const dataDir = join(folder, `directory-${directories.length}`);
  const directory = await startDirectory({ listen, dataDir });
  directories.push(directory);
  return directory;
}

it('is the one that was used last, until somebody is registered', async () => {
  const [one, other] = [await start(), await start()];
  await expect(resolveDirectory(home(), options())).rejects.toMatchObject({ code: 'usage' });
  await use(one.url);
  expect(statSync(join(home().dataDir, 'directory.json')).mode & 0o777).toBe(0o600);
  expect((await resolveDirectory(home(), options())).url).toBe(one.url);
  const known = await use(other.url);
  expect((await resolveDirectory(home(), options())).url).toBe(other.url);
  await register(home(), 'alice', known, { nowMs: Date.now() });
  await use(one.url);
  expect((await resolveDirectory(home(), options())).url).toBe(other.url);
});

it('is pinned by its key from the first use on', async () => {
  const one = await start();
  await use(one.url);
  await one.close();
  await start(new URL(one.url).host);
  for (const again of [options(), options(one.url)])
    await expect(resolveDirectory(home(), again)).rejects.toMatchObject({ code: 'directory-key-changed' });
});
