import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { noticesOf, noticeText, packageFolderOf } from './notices.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-notices-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An installed package; gives one of its modules. */
function install(path: string, manifest: object, files: Record<string, string> = {}): string {
  const place = join(folder, 'node_modules', path);
  mkdirSync(join(place, 'lib'), { recursive: true });
  writeFileSync(join(place, 'package.json'), JSON.stringify(manifest));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(place, file), text);
  return join(place, 'lib', 'index.js');
}

it.each([
  ['/here/node_modules/ws/lib/sender.js', '/here/node_modules/ws'],
  ['/here/node_modules/@noble/hashes/hkdf.js', '/here/node_modules/@noble/hashes'],
  ['/here/node_modules/a/node_modules/b/index.js', '/here/node_modules/a/node_modules/b'],
  ['/here/packages/wire/src/index.ts', null],
  ['rolldown/runtime.js', null],
])('%s belongs to %s', (id, expected) => {
  expect(packageFolderOf(id)).toBe(expected);
});

it('names each package once, with its version, licence and every text that it ships', () => {
  const one = install(
    '@z/one',
    { name: '@z/one', version: '1.2.3', license: 'MIT' },
    { LICENSE: 'Copyright Zoe\n', 'NOTICE.txt': 'and notes\n', 'README.md': 'no licence' },
  );
  const two = install('two', { name: 'two', version: '2.0.0', license: 'ISC', author: { name: 'Yann' } });
  const three = install('three', { name: 'three', version: '3.0.0' });
  const notices = noticesOf([two, one, one, join(one, '..', 'other.js'), three, '/here/apps/main.ts']);
  expect(notices).toEqual([
    { name: '@z/one', version: '1.2.3', license: 'MIT', texts: ['Copyright Zoe', 'and notes'] },
    { name: 'three', version: '3.0.0', license: 'licence not named', texts: [] },
    { name: 'two', version: '2.0.0', license: 'ISC', texts: ['Copyright (c) Yann'] },
  ]);
  const text = noticeText(notices);
  for (const part of ['@z/one 1.2.3 (MIT)', 'Copyright Zoe', 'and notes', 'two 2.0.0 (ISC)'])
    expect(text.split(part)).toHaveLength(2);
});
