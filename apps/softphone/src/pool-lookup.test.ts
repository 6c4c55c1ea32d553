import type { SupernodeEntry } from '@overcall/identity';
import { expect, it } from 'vitest';
import type { Attachment } from './attachment.ts';
import { lookUpAt } from './pool-lookup.ts';

const LISTED = Array.from({ length: 100 }, (_, index) => ({ name: `${index}` }) as SupernodeEntry);
const nobody = () => ({ lookup: async () => ({ endpoints: [] }) }) as unknown as Attachment;

it('visits few supernodes for somebody who is nowhere, however often he is looked up, and not always the same', async () => {
  const visited = new Set<string>();
  for (let caller = 0; caller < 20; caller++) {
    const attached = [nobody(), nobody()];
    const asked: string[] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      const others = () => LISTED.filter(({ name }) => !asked.includes(name));
      await lookUpAt('bob', [...attached], others, async ({ name }) => {
        asked.push(name);
        attached.push(nobody());
        return attached.at(-1)!;
      });
    }
    expect(asked).toHaveLength(8);
    for (const name of asked) visited.add(name);
  }
  // 160 draws of 100: 19 would be missed on average.
  expect(visited.size).toBeGreaterThan(40);
});
