import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Lab, type LabSpec, type Link, natPair, startLab, withLinks } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { describeLab } from './describe-lab.ts';
import { measure, sendTraffic, startReceiver, trimmedMean } from './measure-link.ts';

/** Two hosts in the public network, the first with a link. */
const linkedPair = (link: Link): LabSpec => ({
  hosts: [
    { name: 'linked', address: '203.0.113.1' },
    { name: 'other', address: '203.0.113.2' },
  ],
  links: [{ node: 'linked', ...link }],
});

const delaysOf = (arrivals: { delayMs: number }[]) => arrivals.map(({ delayMs }) => delayMs);

/** Of a pcap file. */
function packetLengths(pcap: Buffer): number[] {
  const lengths: number[] = [];
  for (let offset = 24; offset < pcap.length; offset += 16 + lengths.at(-1)!)
    lengths.push(pcap.readUInt32LE(offset + 8));
  return lengths;
}

await describeLab('a link in the lab', () => {
  let lab: Lab;
  afterEach(() => lab.close());

  // Other work on the machine can make a right link look slow, hence the second and third try; a wrong one stays wrong.
  test('has the delay, jitter and loss asked for', { retry: 2 }, async () => {
    lab = await startLab(linkedPair({ delayMs: 50, jitterMs: 10, lossPct: 3 }));
    // Each flow leaves 20 ms between its packets, as calls do.
    const traffic = { count: 5000, flows: 50, perSecond: 2500, bytes: 100 };
    const delays = delaysOf(await measure(lab, 'linked', 'other', traffic, 60));
    expect(trimmedMean(delays)).toBeGreaterThan(49);
    expect(trimmedMean(delays)).toBeLessThan(51);
    const sorted = delays.toSorted((a, b) => a - b);
    expect(sorted[0]).toBeGreaterThanOrEqual(40);
    const quarter = Math.floor(sorted.length / 4);
    // Half of an even spread over 20 ms lies within 10 ms.
    expect(sorted[3 * quarter]! - sorted[quarter]!).toBeGreaterThan(9);
    expect(sorted[3 * quarter]! - sorted[quarter]!).toBeLessThan(11);
    // Four standard deviations of chance. That the share itself is right is a matter of the unit tests.
    const lost = traffic.count - delays.length;
    expect(Math.abs(lost - 150)).toBeLessThan(4 * Math.sqrt(5000 * 0.03 * 0.97));
  });

  test('loses nothing that it was not asked to lose, and keeps the order', async () => {
    lab = await startLab(linkedPair({ delayMs: 20, jitterMs: 15 }));
    const arrivals = await measure(lab, 'linked', 'other', { count: 3000, perSecond: 2000 }, 35);
    expect(arrivals.map(({ number }) => number)).toEqual(Array.from({ length: 3000 }, (_, i) => i));
  });

  test('treats each direction by itself', { retry: 2 }, async () => {
    lab = await startLab(linkedPair({ up: { delayMs: 30 }, down: { delayMs: 80 } }));
    const traffic = { count: 100, perSecond: 200 };
    const up = trimmedMean(delaysOf(await measure(lab, 'linked', 'other', traffic, 30)), 0.2);
    const down = trimmedMean(delaysOf(await measure(lab, 'other', 'linked', traffic, 80)), 0.2);
    expect(Math.abs(up - 30)).toBeLessThan(1.5);
    expect(Math.abs(down - 80)).toBeLessThan(1.5);
  });

  test('duplicates and reorders', { retry: 2 }, async () => {
    lab = await startLab(linkedPair({ delayMs: 30, reorderPct: 20, duplicatePct: 20 }));
    const arrivals = await measure(lab, 'linked', 'other', { count: 1000, perSecond: 500 }, 30);
    const overtakers = arrivals.filter(({ delayMs }) => delayMs < 15);
    expect(new Set(arrivals.map(({ number }) => number)).size).toBe(1000);
    expect(arrivals.length).toBeGreaterThan(1150);
    expect(arrivals.length).toBeLessThan(1250);
    expect(overtakers.length / arrivals.length).toBeGreaterThan(0.14);
    expect(overtakers.length / arrivals.length).toBeLessThan(0.26);
  });

  test('has the bandwidth asked for, and a queue no longer than asked for', { retry: 2 }, async () => {
    // 128 bytes with UDP and IP headers: 16 ms each.
    lab = await startLab(linkedPair({ up: { kbitPerS: 64, queueMs: 160 } }));
    const arrivals = await measure(lab, 'linked', 'other', { count: 200, perSecond: 200, bytes: 100 }, 200);
    // 1 s of sending and 160 to 176 ms of queue, at 62.5 packets a second.
    expect(arrivals.length).toBeGreaterThanOrEqual(69);
    expect(arrivals.length).toBeLessThanOrEqual(76);
    const longest = Math.max(...delaysOf(arrivals.slice(0, -1)));
    expect(longest).toBeGreaterThan(150);
    expect(longest).toBeLessThan(200);
  });

  test('can be changed while it is used, without losing what is under way', async () => {
    lab = await startLab(linkedPair({ delayMs: 1000 }));
    const receiver = await startReceiver(lab, 'other');
    await sendTraffic(lab, 'linked', 'other', { count: 20, perSecond: 1000 });
    await lab.setLink('linked', { lossPct: 100 });
    await sendTraffic(lab, 'linked', 'other', { count: 20, perSecond: 1000 });
    await lab.setLink('linked', {});
    await sendTraffic(lab, 'linked', 'other', { count: 20, perSecond: 1000 });
    await delay(1200);
    const arrivals = await receiver.finish();
    expect(arrivals.length).toBe(40);
    expect(arrivals.filter(({ delayMs }) => delayMs > 1000).length).toBe(20);
    expect(arrivals.filter(({ delayMs }) => delayMs < 200).length).toBe(20);
  });

  test('carries TCP whole, packet by packet', { retry: 2 }, async () => {
    lab = await startLab(linkedPair({ delayMs: 2, kbitPerS: 16_000, queueMs: 1000 }));
    const run = (node: string, code: string) => {
      const [program, ...args] = lab.command(node, [process.execPath, '-e', code]);
      return spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    };
    const server = run(
      'other',
      `const hash = require('crypto').createHash('sha256');
      require('net').createServer((socket) => {
        socket.on('data', (data) => hash.update(data));
        socket.on('end', () => { console.log(performance.now() - startedAt, hash.digest('hex')); process.exit(); });
        const startedAt = performance.now();
      }).listen(4000, () => console.log('ready'));`,
    );
    let said = '';
    server.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await once(server.stdout!, 'data');
    const folder = await mkdtemp(join(tmpdir(), 'nat-lab-'));
    const capture = await lab.capture('other', join(folder, 'other.pcap'));
    run('linked', "require('net').connect(4000, '203.0.113.2').end(Buffer.alloc(1e6, 'tcp'))");
    await once(server, 'close');
    await capture.stop();
    const lengths = packetLengths(await readFile(capture.file));
    await rm(folder, { recursive: true });
    const [, tookMs, digest] = /ready\n([\d.]+) (\w+)/.exec(said)!;
    expect(digest).toBe(createHash('sha256').update(Buffer.alloc(1e6, 'tcp')).digest('hex'));
    // A header of the capture, 20 bytes, and one packet. Unsplit segments would be lost or not by the dozen.
    expect(Math.max(...lengths)).toBe(20 + 1500);
    // 8 Mbit at 16 Mbit/s.
    expect(Number(tookMs)).toBeGreaterThan(480);
    expect(Number(tookMs)).toBeLessThan(900);
  });

  test('before a NAT delays everybody behind it', { retry: 2 }, async () => {
    lab = await startLab(withLinks(natPair(), { delayMs: 20 }));
    const arrivals = await measure(lab, 'alice', 'supernode', { count: 100, perSecond: 200 }, 20);
    expect(Math.abs(trimmedMean(delaysOf(arrivals), 0.2) - 20)).toBeLessThan(1.5);
  });

  test('can stand before a host behind a NAT as well', { retry: 2 }, async () => {
    lab = await startLab(withLinks(natPair(), { delayMs: 30 }, ['alice', 'nat-a', 'supernode']));
    const arrivals = await measure(lab, 'alice', 'supernode', { count: 100, perSecond: 200 }, 90);
    expect(Math.abs(trimmedMean(delaysOf(arrivals), 0.2) - 90)).toBeLessThan(3);
  });

  test('says what is wrong when it cannot be changed', async () => {
    lab = await startLab(linkedPair({}));
    await expect(lab.setLink('nobody', {})).rejects.toMatchObject({ code: 'unknown-node' });
    await expect(lab.setLink('other', {})).rejects.toMatchObject({ code: 'no-link' });
    await expect(lab.setLink('linked', { queueMs: 1 })).rejects.toMatchObject({ code: 'bad-scenario' });
    await lab.close();
    await expect(lab.setLink('linked', {})).rejects.toMatchObject({ code: 'lab-gone' });
  });
});
