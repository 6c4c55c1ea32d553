import { createHash } from 'node:crypto';
import { generateSigningKey } from '@overcall/identity';
import { describe, expect, it, onTestFinished } from 'vitest';
import { entryOf, START_MS, TestDirectory } from '../test-support.ts';
import { MAX_ON_MAP } from './status-map.ts';
import { MAX_ROWS, STATUS_PAGE_POLICY, statusPage } from './status-page.ts';
import { syntheticNetwork } from './synthetic-network.test-support.ts';

const key = await generateSigningKey();
const HOSTILE = '<script>alert(1)</script>"\'&\u202e';

const page = (count: number, name?: string) => {
  const { supernodes, reports } = syntheticNetwork(count);
  if (name !== undefined)
    for (const supernode of supernodes)
      supernode.entry = entryOf(key, { name, udp: [name], control: [name] });
  return statusPage({ supernodes, reports, listVersion: 7, nowMs: START_MS });
};

const countOf = (html: string, what: RegExp) => (html.match(what) ?? []).length;

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
  expect(answer.body).toContain('no report');
  expect(answer.body).not.toContain('zaphod');
});

describe('the status page', () => {
  it.each([0, 1, 3, 100, MAX_ROWS + 2])('has no script and asks nobody else for anything: %i', (count) => {
    const html = page(count);
    expect(html).not.toMatch(/<script|<link|<img|https?:|\bon\w+=|style=|url\(/i);
    const style = /<style>([\s\S]*)<\/style>/.exec(html)![1]!;
    expect(STATUS_PAGE_POLICY).toContain(createHash('sha256').update(style).digest('base64'));
    expect(html).not.toMatch(/NaN|undefined|null|Infinity/);
  });

  it('shows what supernodes call themselves as text, wherever it stands', () => {
    const html = page(3, HOSTILE);
    expect(html).not.toMatch(/<script|"'&[^a-z]|\u202e/);
    // In the table once as name and once as address; on the map in a label, and in titles.
    expect(countOf(html, /&lt;script&gt;alert/g)).toBeGreaterThan(9);
    expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;\ufffd");
  });

  it('draws every supernode and every link of a small network, and says how good each is', () => {
    const html = page(3);
    expect(countOf(html, /<circle/g)).toBe(3);
    expect(countOf(html, /<path/g)).toBe(3);
    expect(html).toContain('lisbon.example – madrid.example: 75 ms, 0% loss, R 9');
    expect(html).toContain('<td><span class="state draining">draining</span></td>');
    expect(html).toContain('<td><span class="state linked">seen by others</span></td>');
  });

  it('draws of many links the near ones and the bad ones, none twice', () => {
    const { supernodes, reports } = syntheticNetwork(100);
    const html = page(100);
    const paths = html.match(/<path[^>]*>/g)!;
    expect(new Set(paths).size).toBe(paths.length);
    expect(paths.length).toBeLessThan(100 * 8);
    expect(paths.length).toBeGreaterThanOrEqual(100);
    expect(supernodes.length - reports.size).toBe(1);
    expect(countOf(html, /<path class="link poor"/g)).toBeGreaterThan(5);
  });

  it('counts them all, and shows so many', () => {
    const html = page(MAX_ROWS + 2);
    expect(html).toContain(`<dd>${MAX_ROWS + 2} <small>`);
    expect(countOf(html, /<tr><td>/g)).toBe(MAX_ROWS);
    expect(countOf(html, /<circle/g)).toBe(MAX_ON_MAP);
    expect(html).toContain('and 2 more');
    expect(Buffer.byteLength(html)).toBeLessThan(500_000);
  });

  it('tells of calls in tens only', () => {
    const html = page(3);
    expect(html).toContain('relay over UDP: 30 or more; relay over TCP: 10 or more; overlay: 10 or more');
    expect(html).toContain('<dd>at least 50 ');
    expect(page(1)).toContain('<dd>at least 10 ');
  });
});
