import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '@overcall/cli';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createProgram } from '../program.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'overcall-contacts-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(home, { recursive: true });
});

it('lists whoever is blocked, whatever the name', async () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const run = (...args: string[]) =>
    runProgram(createProgram(), ['contacts', ...args, '--home', home, '--json']);
  // A name like any other, and a property of every object.
  expect(await run('block', 'constructor')).toBe(0);
  write.mockClear();
  expect(await run('list')).toBe(0);
  expect(JSON.parse(String(write.mock.calls[0]![0]))).toMatchObject({
    event: 'contact',
    name: 'constructor',
    identityKey: null,
    blocked: true,
  });
});
