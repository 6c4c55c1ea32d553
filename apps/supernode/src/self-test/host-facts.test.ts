import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DirectoryStatement,
  directoryTrust,
  generateSigningKey,
  publicKeyOf,
  signObject,
} from '@overcall/identity';
import { afterEach, expect, it } from 'vitest';
import { linkSpeed, testHost } from './host-facts.ts';
import { measureRelaySpeed } from './relay-speed.ts';

const closes: (() => void)[] = [];
afterEach(() => {
  for (const close of closes.splice(0)) close();
});

/** A directory whose clock is so much ahead of ours. */
async function directoryAhead(aheadMs: number): Promise<string> {
  const key = await generateSigningKey();
  const trust = await directoryTrust(publicKeyOf(key));
  const nowMs = Date.now() + aheadMs;
  const claims = { cnf: { jwk: trust.key }, registration: 'open' as const };
  const statement = await signObject(DirectoryStatement, claims, key, {
    audience: trust.keyId,
    nowMs,
    lifetimeS: 60,
  });
  const server = createServer((request, response) => {
    response.setHeader('date', new Date(Date.now() + aheadMs).toUTCString());
    const isStatement = request.url === '/v1/directory';
    response.end(
      JSON.stringify(isStatement ? { statement, key: trust.key, keyId: trust.keyId } : { nonce: 'n' }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closes.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it.each([
  0, 600_000, -600_000,
])('a directory %i ms ahead shows how far this clock is off', async (aheadMs) => {
  const { facts, checks } = await testHost({ directory: await directoryAhead(aheadMs), addresses: [] });
  const { aheadMs: found, errorMs } = facts.clock!;
  expect(Math.abs(found + aheadMs)).toBeLessThanOrEqual(errorMs);
  expect(checks.find(({ check }) => check === 'clock')!.ok).toBe(aheadMs === 0);
});

it('a directory that is away leaves the clock unknown, and one that may not be asked is told', async () => {
  const { facts } = await testHost({ directory: 'http://127.0.0.1:1', addresses: ['127.0.0.1'] });
  expect(facts).toMatchObject({ clock: null, link: { name: 'lo', mbps: null } });
  await expect(testHost({ directory: 'ftp://x', addresses: [] })).rejects.toMatchObject({
    code: 'bad-directory-url',
  });
});

it.each([
  'batch',
  'plain',
] as const)('relaying by %s is measured with datagrams that are really relayed', async (kind) => {
  const { relayedPerCpuS, tablePerCpuS } = await measureRelaySpeed(kind, 60_000);
  expect(relayedPerCpuS).toBeGreaterThan(0);
  expect(tablePerCpuS).toBeGreaterThan(relayedPerCpuS!);
});

it('the speed of a link is what its driver says, and nothing when it says nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'overcall-net-'));
  closes.push(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of [
    ['eth0', '2500\n'],
    ['veth0', '-1\n'],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'speed'), text);
  }
  expect(['eth0', 'veth0', 'none'].map((name) => linkSpeed(name, folder))).toEqual([2500, null, null]);
});
