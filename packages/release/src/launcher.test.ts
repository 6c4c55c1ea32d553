import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { launcher } from './launcher.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-launcher-'));
  for (const name of ['tmp', 'home', 'here']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'run.mjs'), launcher('overcall', './program.mjs'));
  writeFileSync(
    join(folder, 'program.mjs'),
    "import { getCompileCacheDir } from 'node:module';\nprocess.stdout.write(String(getCompileCacheDir()));\n",
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Where compiled code is kept. */
function cacheWith(env: Record<string, string>): string {
  const own = { PATH: process.env.PATH!, TMPDIR: join(folder, 'tmp'), ...env };
  const run = join(folder, 'run.mjs');
  return execFileSync(process.execPath, [run], { cwd: join(folder, 'here'), env: own, encoding: 'utf8' });
}

it('keeps compiled code where nobody else can write: whoever can, runs what he likes as this user', () => {
  const home = join(folder, 'home');
  expect(cacheWith({ HOME: home })).toContain(join(home, '.cache', 'overcall'));
  expect(cacheWith({ HOME: home, XDG_CACHE_HOME: join(home, 'kept') })).toContain(
    join(home, 'kept', 'overcall'),
  );
  // By the XDG specification a relative one does not count; it would be that of any folder one stands in.
  expect(cacheWith({ HOME: home, XDG_CACHE_HOME: 'kept' })).toContain(join(home, '.cache'));
  expect(existsSync(join(folder, 'tmp', 'node-compile-cache'))).toBe(false);
});

it('goes by NODE_COMPILE_CACHE where that is set', () => {
  const given = join(folder, 'given');
  expect(cacheWith({ HOME: join(folder, 'home'), NODE_COMPILE_CACHE: given })).toContain(given);
});
