import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TestNetwork } from './network.test-support.ts';
import { VolumeKeeper } from './volume-keeper.ts';

let folder: string;
let forwarded = 0;
let warnings: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-volume-'));
  [forwarded, warnings] = [0, []];
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(JSON.parse(line).msg) });
const keeper = (limitBytes: number | null = null) =>
  new VolumeKeeper({ folder, limitBytes, forwardedBytes: () => forwarded, log });
const file = () => join(folder, 'volume.json');

it('counts on after a restart, in a file of its own', () => {
  const first = keeper();
  forwarded = 700;
  expect(first.bytes).toBe(700);
  first.close();
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  forwarded = 0;
  const second = keeper();
  forwarded = 50;
  expect(second.bytes).toBe(750);
  second.close();
  expect(warnings).toEqual([]);
});

it('writes once a minute, and says once that the volume is used up', () => {
  vi.useFakeTimers({ now: Date.parse('2026-11-10T00:00:00Z') });
  const volume = keeper(1000);
  forwarded = 1000;
  vi.advanceTimersByTime(59_000);
  expect([volume.isUsedUp, warnings.length]).toEqual([true, 1]);
  expect(() => readFileSync(file())).toThrow('ENOENT');
  vi.advanceTimersByTime(1000);
  expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({ month: '2026-11', bytes: 1000 });
  volume.close();
});

it('counts from zero when the file is damaged, and says so', () => {
  writeFileSync(file(), '{"month":"2026-');
  const volume = keeper();
  expect(volume.bytes).toBe(0);
  expect(warnings).toEqual([expect.stringContaining('damaged')]);
  volume.close();
});

it('takes no new call and is fully loaded once the month is used up, and tells', async () => {
  const network = await TestNetwork.start();
  try {
    const supernode = await network.supernode('one', { maxGbMonth: 0, admin: '127.0.0.1:0' });
    const alice = await network.phone('alice', supernode);
    await expect.poll(() => supernode.status().load).toBe(1);
    const peer = 'p'.repeat(43);
    alice.send({ t: 'relay-open', id: 1, peer, receiveFlow: 1, sendFlow: 2 });
    expect(await alice.next('relay-failed')).toMatchObject({ code: 'overloaded' });
    expect(supernode.status()).toMatchObject({ monthBytes: 0, maxMonthBytes: 0 });
    const metrics = await (await fetch(`http://${supernode.admin}/metrics`)).text();
    expect(metrics).toContain('overcall_supernode_month_bytes_limit 0');
  } finally {
    await network.close();
  }
});
