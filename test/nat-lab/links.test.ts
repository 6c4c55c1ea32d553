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
