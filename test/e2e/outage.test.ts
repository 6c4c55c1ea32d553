import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage } from '@overcall/harness';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder: string;
let network: Network;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
  network = await Network.start(openLoopbackStage(), folder);
  await Promise.all(['alice', 'bob'].map((user) => network.register('alice', user)));
});
afterEach(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

const SILENT = ['--play', 'null', '--record', 'null'];

async function talk(...options: string[]) {
  const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', ...SILENT);
  await bob.waitFor('attached');
  const alice = network.overcall('alice', 'alice', 'call', 'bob', ...SILENT, ...options);
  await Promise.all([alice.waitFor('first-audio'), bob.waitFor('first-audio')]);
  return { alice, bob };
}

describe('the only supernode killed during a call', () => {
  it('ends a relayed one with failed on both sides within 10 s, exit 1 and one line', async () => {
    const { alice, bob } = await talk('--path', 'relay');
    network.supernode.signal('SIGKILL');
    const killedAt = Date.now();
    for (const program of [alice, bob]) {
      const ended = await program.waitFor('ended');
      expect(ended.reason).toBe('failed');
      expect(Number(ended.at) - killedAt).toBeLessThan(10_000);
    }
    expect(await alice.exited).toBe(1);
    expect(alice.stderr).toMatch(/overcall: the call to bob broke off/);
  });

  it('does not end a direct one, which hangs up all the same', async () => {
    const { alice, bob } = await talk('--require-direct');
    await alice.waitFor('path', { where: ({ kind }) => kind === 'direct' });
    await bob.waitFor('path', { where: ({ kind }) => kind === 'direct' });
    network.supernode.signal('SIGKILL');
    await network.supernode.exited;
    const before = alice.events.length;
    await alice.waitFor('stats', { where: (event) => alice.events.indexOf(event) > before + 2 });
    alice.signal('SIGINT');
    expect((await bob.waitFor('ended')).reason).toBe('remote-hangup');
    expect((await alice.waitFor('ended')).reason).toBe('hangup');
  });

  it('does not keep a listener from taking calls again once one is back', async () => {
    const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', ...SILENT);
    await bob.waitFor('attached');
    network.supernode.signal('SIGKILL');
    await network.supernode.exited;
    await network.startSupernode('supernode-2');
    await bob.waitFor('attached', { where: ({ supernode }) => supernode === 'supernode-2' });
    const alice = network.overcall('alice', 'alice', 'call', 'bob', ...SILENT, '--duration', '1');
    expect(await alice.exited).toBe(0);
  });
});

describe('the supernode restarted while it rings', () => {
  it('carries the call when it is answered', async () => {
    const bob = network.overcall('bob', 'bob', 'listen', ...SILENT);
    await bob.waitFor('attached');
    const hidden = ['--path', 'relay'];
    const alice = network.overcall('alice', 'alice', 'call', 'bob', ...SILENT, '--duration', '2', ...hidden);
    await alice.waitFor('ringing');
    await bob.waitFor('incoming');
    const port = Number(String(network.supernode.find('listening')!.udp).split(':')[1]);
    network.supernode.signal('SIGKILL');
    await network.supernode.exited;
    await network.startSupernode('supernode', port);
    const twice = (program: typeof alice) =>
      program.waitFor('attached', { where: (event) => program.find('attached') !== event });
    await Promise.all([twice(alice), twice(bob)]);
    bob.type('a');
    await Promise.all([alice.waitFor('first-audio'), bob.waitFor('first-audio')]);
    expect(await alice.exited).toBe(0);
  });
});

describe('the directory killed', () => {
  it('does not end a call, and registered users still find and call each other', async () => {
    const { alice, bob } = await talk();
    network.directory.signal('SIGKILL');
    await network.directory.exited;
    const before = alice.events.length;
    await alice.waitFor('stats', { where: (event) => alice.events.indexOf(event) > before + 1 });
    expect([alice.find('ended'), bob.find('ended')]).toEqual([undefined, undefined]);
    expect(await alice.stop()).toBe(130);
    await bob.waitFor('ended');
    const again = network.overcall('alice', 'alice', 'call', 'bob', ...SILENT, '--duration', '1');
    expect(await again.exited).toBe(0);
  });

  it('leaves newcomers with one line and exit 3', async () => {
    network.directory.signal('SIGKILL');
    await network.directory.exited;
    const carol = network.overcall('alice', 'carol', 'register', 'carol');
    expect(await carol.exited).toBe(3);
    expect(carol.stderr).toMatch(/^overcall: directory .* cannot be reached[^\n]*\n$/);
  });

  it('keeps what it acknowledged over kill -9', async () => {
    network.directory.signal('SIGKILL');
    await network.directory.exited;
    await network.restartDirectory();
    const mallory = network.overcall('alice', 'mallory', 'register', 'alice');
    expect(await mallory.exited).toBe(1);
    expect(mallory.stderr).toMatch(/taken/);
  });
});

describe('no supernode within reach', () => {
  it('is one line and exit 3', async () => {
    network.supernode.signal('SIGKILL');
    await network.supernode.exited;
    const alice = network.overcall('alice', 'alice', 'call', 'bob', ...SILENT);
    expect(await alice.exited).toBe(3);
    expect(alice.stderr).toMatch(/^overcall: supernode [^\n]* cannot be reached[^\n]*\n$/);
  });
});

describe('an expired certificate', () => {
  it('is renewed while the directory answers, and refused with exit 5 when it does not', async () => {
    await network.close();
    network = await Network.start(openLoopbackStage(), join(folder, 'short'), {
      directoryArgs: ['--certificate-lifetime', '2'],
    });
    await network.register('alice', 'dora');
    // What is tested is time that passes between two runs of a program, so time has to pass.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const renewing = network.overcall('alice', 'dora', 'listen', ...SILENT);
    await renewing.waitFor('attached');
    await renewing.stop();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    network.directory.signal('SIGKILL');
    await network.directory.exited;
    const refused = network.overcall('alice', 'dora', 'listen', ...SILENT);
    expect(await refused.exited).toBe(5);
    expect(refused.stderr).toMatch(/^overcall: the certificate of dora has expired[^\n]*\n$/);
  });
});
