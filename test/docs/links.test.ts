import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { pages, ROOT } from './documented-commands.ts';

const LINK = /\]\(([^)\s]+)\)/g;

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );

/** Links within the repository: from a page to a file and, perhaps, a heading. */
const links = pages().flatMap(({ name, text }) =>
  [...text.matchAll(LINK)]
    .map(([, target]) => target!)
    .filter((target) => !/^\w+:/.test(target))
    .map((target) => {
      const [path, anchor] = target.split('#');
      const file = path === '' ? name : relative(ROOT, join(ROOT, dirname(name), path!));
      return { from: name, target, file, anchor };
    }),
);

it('links in README and docs lead to files and headings that there are', () => {
  expect(links.length).toBeGreaterThan(50);
  const dead = links.filter(({ file, anchor }) => {
    if (!existsSync(join(ROOT, file))) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(join(ROOT, file), 'utf8')).has(anchor);
  });
  expect(dead.map(({ from, target }) => `${from}: ${target}`)).toEqual([]);
});

it('the README leads to every page in docs', () => {
  const fromReadme = new Set(links.filter(({ from }) => from === 'README.md').map(({ file }) => file));
  const inDocs = pages().filter(({ name }) => name.startsWith('docs/'));
  expect(inDocs.map(({ name }) => name).filter((name) => !fromReadme.has(name))).toEqual([]);
});
