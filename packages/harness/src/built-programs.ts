import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { bundle, PROGRAMS, type ProgramName, ROOT } from '@overcall/release';

/**
 * The three programs, each with all that it imports, as a few files of JavaScript. A softphone is 1,700 modules, which are found
 * and read before its first line runs, which takes three times the processor time (0.8 s instead of 0.25 s; docs/architecture.md); tests and the
 * lab start hundreds of programs.
 */
const FOLDER = join(ROOT, 'build');
/** Written last: what is older than this is in what was built. */
const STAMP = 'built';
const SOURCES = ['apps', 'packages', 'package-lock.json', 'package.json'];

/** Where the built program is. {@link buildPrograms} comes first. */
export const programFile = (name: ProgramName): string => join(FOLDER, `${name}.mjs`);

/** For the environment of programs: what one has compiled, the next one need not. */
export const sharedCode = (): Record<string, string> => ({
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(FOLDER, 'compiled'),
});

let building: Promise<void> | undefined;

/** Builds the programs if any source is newer than what was built last. Several processes may do so at once. */
export function buildPrograms(): Promise<void> {
  building ??= isFresh() ? Promise.resolve() : build();
  return building;
}

function isFresh(): boolean {
  const stamp = join(FOLDER, STAMP);
  if (!existsSync(stamp)) return false;
  const builtAtMs = statSync(stamp).mtimeMs;
  return SOURCES.every((source) => newestMs(join(ROOT, source)) < builtAtMs);
}

/** When a file changed last; of a folder also when something was taken out of it. */
function newestMs(path: string): number {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  const inside = readdirSync(path).filter((name) => name !== 'node_modules');
  return Math.max(stats.mtimeMs, ...inside.map((name) => newestMs(join(path, name))));
}

async function build(): Promise<void> {
  const startedAt = new Date();
  mkdirSync(FOLDER, { recursive: true });
  for (const { name, content } of await bundle(Object.keys(PROGRAMS) as ProgramName[]))
    replace(name, content);
  replace(STAMP, '');
  // What changed meanwhile may not be in it.
  utimesSync(join(FOLDER, STAMP), startedAt, startedAt);
}

/** All of it or nothing, for whoever starts one meanwhile. */
function replace(name: string, content: string | Uint8Array): void {
  const path = join(FOLDER, name);
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(content))) return;
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}
