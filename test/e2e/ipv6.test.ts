import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage, type Stage } from '@overcall/harness';
import { UdpSocket } from '@overcall/net';
import { describe, expect, it } from 'vitest';

const hasIpv6 = await UdpSocket.bind({ address: '::1', port: 0 }, () => {}).then(
  (socket) => socket.close().then(() => true),
  () => false,
);
const why = hasIpv6 ? '' : ' [needs IPv6 on loopback: sysctl net.ipv6.conf.lo.disable_ipv6=0]';

/** Loopback, with the supernode on IPv6 only. */
const stage: Stage = {
  ...openLoopbackStage(),
  addressOf: (place) => (place === 'supernode' ? '[::1]' : '127.0.0.1'),
};

describe.skipIf(!hasIpv6 && !process.env.CI)(`a supernode on IPv6 only${why}`, () => {
  it('carries a call', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
    const network = await Network.start(stage, folder, { supernodeArgs: ['--allow-net', '::1/128'] });
    try {
      await Promise.all(['alice', 'bob'].map((user) => network.register('alice', user)));
      const audio = ['--play', 'null', '--record', 'null', '--home'];
      const common = ['--directory', network.directoryUrl, '--json'];
      const bob = network.run('bob', 'bob', 'softphone', [
        ...['listen', '--auto-answer', '--once', ...audio, network.homeOf('bob'), '--bind', '::1'],
        ...common,
      ]);
      await bob.waitFor('attached');
      const alice = network.run('alice', 'alice', 'softphone', [
        ...['call', 'bob', '--duration', '1', ...audio, network.homeOf('alice'), '--bind', '::1'],
        ...common,
      ]);
      expect((await alice.waitFor('path')).remote).toMatch(/^\[::1\]:\d+$/);
      expect(await alice.exited).toBe(0);
      expect(await bob.exited).toBe(0);
    } finally {
      await network.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
