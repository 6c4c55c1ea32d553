import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Supernode, SupernodeOptions } from '../options.ts';
import { startSupernode } from '../supernode.ts';

/** Supernodes in this process, with a real directory and real sockets on loopback. */
let folder: string;
let directory: RunningDirectory;
let running: Supernode[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-dial-back-'));
  directory = await startDirectory();
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((supernode) => supernode.close()));
  await directory.close().catch(() => {});
  rmSync(folder, { recursive: true });
});

async function start(name: string, changes: Partial<SupernodeOptions> = {}): Promise<Supernode> {
  const supernode = await startSupernode({
    directory: directory.pinnedUrl,
    listen: ['127.0.0.1:0'],
    publicAddresses: ['127.0.0.1'],
    name,
    dataDirectory: join(folder, name),
    allowNets: ['127.0.0.0/8'],
    ...changes,
  });
  running.push(supernode);
  return supernode;
}

describe('a new supernode', () => {
  it('is let in untried when it is the first, and reached by the others when it is not', async () => {
    const one = await start('one');
    await one.whenReady();
    expect(one.status()).toMatchObject({ ready: true, reach: 'alone', dialBacks: {} });
    const two = await start('two');
    await two.whenReady();
    expect(two.status()).toMatchObject({ ready: true, reach: 'reached' });
    expect(one.status().dialBacks).toEqual({ 'udp-reached': 1, 'tcp-reached': 1 });
    const three = await start('three');
    expect(three.status()).toMatchObject({ ready: true, reach: 'reached' });
    expect(two.status().dialBacks).toEqual({ 'udp-reached': 1, 'tcp-reached': 1 });
  });

  it('is told which address was not reached from where', async () => {
    await start('one');
    const silent = start('two', { publicAddresses: ['127.0.0.1:9'] });
    await expect(silent).rejects.toMatchObject({
      code: 'not-reachable',
      message: expect.stringMatching(/^UDP 127\.0\.0\.1:9 was not reached from one: open this port/),
    });
    const elsewhere = start('three', { publicAddresses: ['127.0.0.99'] });
    await expect(elsewhere).rejects.toThrow(/UDP 127\.0\.0\.99:\d+ was .*; TCP 127\.0\.0\.99:\d+ was /);
  });

  it('cannot have addresses that nobody sends to', async () => {
    await start('one', { allowNets: [] });
    await expect(start('two')).rejects.toMatchObject({
      code: 'not-reachable',
      message: expect.stringContaining('no address that one may send to'),
    });
  });

  it('is let in untried when the others are dead', async () => {
    const [one, two] = [await start('one'), await start('two')];
    await Promise.all([one.close(), two.close()]);
    expect((await start('three')).status()).toMatchObject({ reach: expect.stringMatching(/alone|reached/) });
  });
});

describe('a supernode that starts again', () => {
  /** Two of them that know of each other, and a directory that has died since. */
  async function two(ofFirst: Partial<SupernodeOptions>) {
    const [first, second] = [await start('one'), await start('two')];
    await first.close();
    const one = await start('one', { listen: first.udp, ...ofFirst });
    await second.close();
    await directory.close();
    return { one, listen: second.udp };
  }

  it('has others of its last list reach it while the directory is dead', async () => {
    const { one, listen } = await two({});
    const again = await start('two', { listen });
    await again.whenReady();
    expect(again.status()).toMatchObject({ reach: 'reached', directory: { reachable: false } });
    expect(one.status().dialBacks).toEqual({ 'udp-reached': 1, 'tcp-reached': 1 });
  });

  it('is not ready while they do not', async () => {
    const { listen } = await two({ allowNets: [] });
    const again = await start('two', { listen });
    await expect.poll(() => again.status().reach).toBe('unreached');
    const notReady = expect.stringContaining('no address that one may send to');
    expect(again.status()).toMatchObject({ ready: false, notReady });
  });
});
