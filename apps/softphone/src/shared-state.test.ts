import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlockList } from './block-list.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const damage = () => writeFileSync(join(folder, 'blocked.json'), '{"mallory":');

test('what was read before holds while the file is damaged', () => {
  const blocked = new BlockList({ dataDir: folder });
  blocked.add('mallory', 1);
  expect(blocked.has('mallory')).toBe(true);
  damage();
  expect(blocked.has('mallory')).toBe(true);
});

test('a file that is damaged from the beginning is an error', () => {
  damage();
  expect(() => new BlockList({ dataDir: folder }).has('mallory')).toThrow('is damaged');
});
