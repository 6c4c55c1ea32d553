import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WORD_HEARD_THRESHOLD } from '@overcall/quality';
import { expect, it } from 'vitest';
import { callOverBadLink } from './bad-link-call.ts';
import { describeLab } from './describe-lab.ts';

/** Two sentences of three; `node bench/voice/words.ts` judges all of them. */
const SECONDS = 8;

await describeLab('a call over a link that loses 20% and has 60 ms of jitter', () => {
  // A machine that gives softphones no turn loses words by itself: what is broken is so three times.
  it('lets a listener follow every word', { retry: 2 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'overcall-words-'));
    try {
      const { words } = await callOverBadLink(folder, SECONDS);
      expect(words.length).toBeGreaterThan(20);
      expect(words.filter(({ clarity }) => clarity < WORD_HEARD_THRESHOLD)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
