import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The programs of Overcall: where each begins, and the command that runs it. */
export const PROGRAMS = {
  directory: { entry: 'apps/directory/src/main.ts', command: 'overcall-directory' },
  supernode: { entry: 'apps/supernode/src/main.ts', command: 'overcall-supernode' },
  softphone: { entry: 'apps/softphone/src/main.ts', command: 'overcall' },
} as const;

export type ProgramName = keyof typeof PROGRAMS;

/** What programs run in threads of their own, `NAME.mjs` beside them. */
export const WORKERS: Partial<Record<ProgramName, Record<string, string>>> = {
  softphone: { 'voice-worker': 'packages/media/src/devices/voice-worker.ts' },
};

/**
 * Packages with machine code, or WebAssembly, which stays in files of its own beside them. Those of `optional` are done without
 * where there is none.
 */
export const NATIVE_PACKAGES = {
  needed: ['@evan/opus', 'sodium-native'],
  optional: ['koffi', '@ennuicastr/webrtcaec3.js', '@echogarden/rnnoise-wasm'],
} as const;
