import { join } from 'node:path';
import { NATIVE_PACKAGES, PROGRAMS, type ProgramName, ROOT, WORKERS } from './programs.ts';

const NATIVE = [...NATIVE_PACKAGES.needed, ...NATIVE_PACKAGES.optional];
const isNative = (id: string): boolean => NATIVE.some((name) => id === name || id.startsWith(`${name}/`));

export interface BundledFile {
  name: string;
  content: string | Uint8Array;
  /** Files that its code is from. */
  modules: readonly string[];
}

/**
 * Programs as JavaScript, `NAME.mjs` each, with all that they import but packages with machine code. What several need is in
 * files beside them. Files come before those that import them.
 */
export async function bundle(names: readonly ProgramName[]): Promise<BundledFile[]> {
  // Takes a while to load, and most processes find everything built.
  const { rolldown } = await import('rolldown');
  const workers = Object.assign({}, ...names.map((name) => WORKERS[name])) as Record<string, string>;
  const entries = { ...Object.fromEntries(names.map((name) => [name, PROGRAMS[name].entry])), ...workers };
  const input = Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(ROOT, file)]));
  const build = await rolldown({ input, external: isNative, platform: 'node', cwd: ROOT, logLevel: 'warn' });
  const { output } = await build.generate({
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  });
  await build.close();
  const isEntry = (file: (typeof output)[number]) => file.type === 'chunk' && file.isEntry;
  return output
    .toSorted((a, b) => Number(isEntry(a)) - Number(isEntry(b)))
    .map((file) =>
      file.type === 'chunk'
        ? { name: file.fileName, content: file.code, modules: file.moduleIds }
        : { name: file.fileName, content: file.source, modules: [] },
    );
}
