import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey, keyIdOf, StatusReport } from '@overcall/identity';
import { expect, it, onTestFinished } from 'vitest';
import { TestDirectory } from '../test-support.ts';
import { browse, CHROMIUM } from './chromium.test-support.ts';

const hasChromium = spawnSync(CHROMIUM, ['--version']).status === 0;
const needs = hasChromium ? '' : ' (needs Chromium: apt install chromium)';
const HOSTILE = '<svg/onload=alert(1)><script>alert(2)</script>';

/** A directory on a port, three supernodes that reported: each has a link to the next. */
async function servedNetwork() {
  const test = await TestDirectory.start();
  onTestFinished(() => test.close());
  const keys = await Promise.all([1, 2, 3].map(generateSigningKey));
  const ids = await Promise.all(keys.map(keyIdOf));
  for (const [index, key] of keys.entries()) {
    await test.admit(key, { name: index === 0 ? HOSTILE : `supernode-${index}` });
    const links = [{ to: ids[(index + 1) % 3]!, rttMs: 10 * (index + 1), lossPct: 0 }];
    const calls = { relayUdp: 20, relayTcp: 0, overlay: 0 };
    const claims = { iss: ids[index]!, number: test.clock.nowMs, draining: false, load: 2, calls, links };
    const report = await test.sign(StatusReport, claims, key, { lifetimeS: 120 });
    expect(await test.request('POST', '/v1/reports', { report })).toMatchObject({ status: 200 });
  }
  const asked: string[] = [];
  test.directory.app.server.on('request', ({ url }) => asked.push(url!));
  return { url: test.directory.url, asked };
}

// A browser takes a second to start on an idle machine, and ten on a busy one.
it.skipIf(!hasChromium)(
  `a browser draws the status page, and runs nothing that a supernode's name says${needs}`,
  async () => {
    const { url, asked } = await servedNetwork();
    const folder = mkdtempSync(join(tmpdir(), 'overcall-page-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const image = join(folder, 'page.png');
    const flags = [`--screenshot=${image}`, '--dump-dom', '--window-size=1100,1200'];
    const { stdout: dom, stderr } = await browse(`${url}/`, flags);
    const png = readFileSync(image);
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1100, 1200]);
    // An empty page of this size has 5 KB.
    expect(png.length).toBeGreaterThan(40_000);
    expect(dom).toContain('<title>Overcall network</title>');
    expect(dom.match(/<circle/g)).toHaveLength(3);
    expect(dom.match(/<path/g)).toHaveLength(3);
    expect(dom).toContain('at least 60');
    expect(dom).not.toMatch(/<script|<svg\/onload/);
    // The browser tells of each thing that the page's policy keeps out.
    expect(stderr).not.toMatch(/Content Security Policy|CONSOLE/);
    expect(asked.filter((path) => path !== '/favicon.ico')).toEqual(['/']);
  },
  60_000,
);
