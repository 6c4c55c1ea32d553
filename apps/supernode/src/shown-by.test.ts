import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const page = readFileSync(join(ROOT, 'docs/overlay.md'), 'utf8');
const rows = page
  .slice(page.indexOf('## Shown by'))
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.endsWith('| shown by |'));

it('docs/overlay.md says of each thing by what it is shown', () => {
  expect(rows.length).toBeGreaterThan(25);
  for (const row of rows) expect(row).toMatch(/`/);
});

it.each(rows.map((row) => [row.split('|')[1]!.trim(), row]))('%s: what is named is there', (_what, row) => {
  let file = '';
  for (const [, path, title] of row.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
    if (path !== undefined) {
      const isFile = path.includes('/');
      const place = isFile ? path : `netns-scripts/scenarios/${path}.json`;
      if (isFile || /^[a-z]+(-[a-z]+)+$/.test(path)) expect(existsSync(join(ROOT, place)), place).toBe(true);
      if (isFile) file = readFileSync(join(ROOT, place), 'utf8');
    } else expect(file).toContain(title);
  }
});
