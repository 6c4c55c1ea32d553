import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms, type Program, startProgram } from '@overcall/harness';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

let folder: string;
let program: Program;
beforeAll(buildPrograms);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-pipes-'));
});
afterEach(async () => {
  program.signal('SIGKILL');
  await program.exited;
  rmSync(folder, { recursive: true, force: true });
});

function isOpenIn(pid: number, path: string): boolean {
  const open = `/proc/${pid}/fd`;
  return readdirSync(open).some((fd) => {
    try {
      return readlinkSync(join(open, fd)) === path;
    } catch {
      return false; // closed in the meantime
    }
  });
}

it.each([
  ['call', 'SIGINT', ['bob']],
  ['listen', 'SIGTERM', []],
] as const)('%s that waits for a pipe to play, into which nobody writes, is ended by %s', async (command, signal, argv) => {
  const pipe = join(folder, 'pipe.wav');
  execFileSync('mkfifo', [pipe]);
  const home = join(folder, 'home');
  program = startProgram('softphone', [
    ...[command, ...argv, '--home', home],
    ...['--play', pipe, '--record', 'null'],
  ]);
  await vi.waitUntil(() => isOpenIn(program.pid, pipe), { timeout: 30_000 });
  program.signal(signal);
  expect(await program.exited).toBe(130);
});
