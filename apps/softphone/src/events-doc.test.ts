import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const namesIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name!);

it('docs/events.md names the events there are, and no others', () => {
  const folders = ['apps/{softphone,supernode,directory}/src', 'packages/{call,media}/src'];
  const sources = folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT }))
    .filter((file) => !file.includes('.test'));
  const emitted = sources.flatMap((file) =>
    // As in `{ event: 'mute' | 'hold'; ... }`, too.
    namesIn(readFileSync(join(ROOT, file), 'utf8'), /\bevent: ((?:'[a-z-]+'(?: \| )?)+)/g).flatMap((names) =>
      namesIn(names, /'([a-z-]+)'/g),
    ),
  );
  // What operators ask for is printed without an event.
  const [events] = readFileSync(join(ROOT, 'docs/events.md'), 'utf8').split('\n## Results');
  const rows = events!.match(/^\| `.*?\|/gm)!;
  const documented = rows.flatMap((row) => namesIn(row, /`([a-z-]+)`/g));
  expect([...new Set(documented)].sort()).toEqual([...new Set(emitted)].sort());
});
