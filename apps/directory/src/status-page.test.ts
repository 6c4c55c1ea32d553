import { createHash } from 'node:crypto';
import { generateSigningKey } from '@overcall/identity';
import { expect, it, onTestFinished } from 'vitest';
import { MAX_ROWS, STATUS_PAGE_POLICY, statusPage } from './status-page.ts';
import { entryOf, START_MS, TestDirectory } from './test-support.ts';

const key = await generateSigningKey();
const page = (entries: Parameters<typeof entryOf>[1][]) =>
  statusPage({
    supernodes: entries.map((entry) => ({ ...entryOf(key, entry), since: START_MS })),
    listVersion: 7,
    nowMs: START_MS,
  });

it('is served with a policy that lets nothing in and runs nothing', async () => {
  const test = await TestDirectory.start();
  onTestFinished(() => test.close());
  await test.admit(key, { name: 'lighthouse' });
  await test.register('zaphod', await generateSigningKey());
  const answer = await test.directory.app.inject({ method: 'GET', url: '/' });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(answer.headers['content-security-policy']).toBe(STATUS_PAGE_POLICY);
  expect(answer.body).toContain('lighthouse');
  expect(answer.body).not.toContain('zaphod');
});

it('has no script and asks nobody else for anything', () => {
  const html = page([{}]);
  expect(html).not.toMatch(/<script|<link|<img|https?:|\bon\w+=|style=/i);
  const style = /<style>([\s\S]*)<\/style>/.exec(html)![1]!;
  expect(STATUS_PAGE_POLICY).toContain(createHash('sha256').update(style).digest('base64'));
});

it('shows what a supernode calls itself as text', () => {
  const html = page([{ name: '<script>alert(1)</script>&"\u202e' }]);
  expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;\ufffd');
  expect(html).not.toContain('<script');
});

it('counts them all, and shows so many', () => {
  const html = page(
    Array.from({ length: MAX_ROWS + 2 }, (_, i) => (i === 0 ? { udp: ['[2001:db8::1]:1'] } : {})),
  );
  expect(html).toContain(`${MAX_ROWS + 2} supernodes in the list, 1 of them with IPv6`);
  expect(html.match(/<tr><td>/g)).toHaveLength(MAX_ROWS);
  expect(html).toContain('and 2 more');
});
