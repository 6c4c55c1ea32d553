import { expect, it, onTestFinished, vi } from 'vitest';
import { TestNetwork } from '../network.test-support.ts';

it('appears on the page of the directory, unless its operator wants it to tell nothing', async () => {
  const network = await TestNetwork.start();
  onTestFinished(() => network.close());
  await network.supernode('teller');
  await network.supernode('hermit', { report: false });
  // The first report comes within 5 s, and a page is kept for 5 s.
  await vi.waitFor(
    async () => {
      const { body } = await network.directory.app.inject({ method: 'GET', url: '/' });
      const row = (name: string) => new RegExp(`<tr><td>${name}.*`).exec(body)![0];
      expect(row('teller')).toContain('<span class="state up">');
      expect(row('hermit')).toMatch(/<span class="state (silent|linked)">/);
      expect(row('hermit')).toContain('<td>not told</td>');
    },
    { timeout: 40_000, interval: 500 },
  );
}, 60_000);
