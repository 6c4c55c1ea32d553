import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The three programs, each with all that it imports, as a few files of JavaScript. From its sources a program opens 700 files
 * before its first line runs, which takes three times the processor time (0.8 s instead of 0.25 s; docs/architecture.md); tests and the
 * lab start hundreds of programs.
 */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FOLDER = join(ROOT, 'build');
const ENTRIES = {
  directory: 'apps/directory/src/main.ts',
  supernode: 'apps/supernode/src/main.ts',
  softphone: 'apps/softphone/src/main.ts',
};
/** Written last: what is older than this is in what was built. */
const STAMP = join(FOLDER, 'built');
const SOURCES = ['apps', 'packages', 'package-lock.json', 'package.json'];
/** Packages with machine code, which finds its files beside itself. */
const NATIVE = /^(@evan\/opus|sodium-native|koffi)(\/|$)/;

export type ProgramName = keyof typeof ENTRIES;

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
  if (!existsSync(STAMP)) return false;
  const builtAtMs = statSync(STAMP).mtimeMs;
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
  const { rolldown } = await import('rolldown');
  const input = Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, join(ROOT, file)]));
  const external = (id: string) => NATIVE.test(id);
  const bundle = await rolldown({ input, external, platform: 'node', cwd: ROOT, logLevel: 'warn' });
  const { output } = await bundle.generate({
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  });
  await bundle.close();
  // What others import comes before what imports it.
  for (const file of output.toSorted((a, b) => Number(isEntry(a)) - Number(isEntry(b))))
    write(join(FOLDER, file.fileName), file.type === 'chunk' ? file.code : file.source);
  write(STAMP, startedAt.toISOString());
}

const isEntry = (file: { type: string; isEntry?: boolean }): boolean => file.isEntry === true;

/** All of it or nothing, for whoever starts one meanwhile. */
function write(path: string, content: string | Uint8Array): void {
  if (path !== STAMP && existsSync(path) && readFileSync(path).equals(Buffer.from(content))) return;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}
