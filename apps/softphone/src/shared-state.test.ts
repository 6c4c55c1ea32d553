import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Type from 'typebox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlockList } from './block-list.ts';
import { SharedState } from './shared-state.ts';

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

test('a change that another process makes meanwhile is not lost', () => {
  const here = new SharedState({ dataDir: folder }, 'names.json', Type.Array(Type.String()));
  const there = new SharedState({ dataDir: folder }, 'names.json', Type.Array(Type.String()));
  let asked = 0;
  here.update((names) => {
    if (asked++ === 0) there.update((others) => [...(others ?? []), 'theirs']);
    return [...(names ?? []), 'ours'];
  });
  expect([here.read(), asked]).toEqual([['theirs', 'ours'], 2]);
});

test('whoever is outrun again and again gets its change in all the same', () => {
  const state = () => new SharedState({ dataDir: folder }, 'names.json', Type.Array(Type.String()));
  let asked = 0;
  state().update((names) => {
    state().update((others) => [...(others ?? []), `${++asked}`]);
    return [...(names ?? []), 'ours'];
  });
  expect(asked).toBeLessThan(20);
  expect(state().read()).toContain('ours');
});
