import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage } from '@overcall/harness';
import { afterEach, beforeEach, it } from 'vitest';

const LISTEN = ['listen', '--play', 'null', '--record', 'null'];

let folder: string;
let network: Network;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
  network = await Network.start(openLoopbackStage(), folder);
});
afterEach(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

it('a softphone with an old list gets the new one from a supernode, the directory dead', async () => {
  await network.register('alice', 'alice');
  const before = network.overcall('alice', 'alice', ...LISTEN);
  await before.waitFor('attached');
  await before.stop();
  const first = network.supernode;
  const port = Number(String(first.find('listening')!.udp).split(':')[1]);
  await network.startSupernode('supernode-2');
  await first.stop();
  // It fetches the list that names both, and keeps it.
  await network.startSupernode('supernode', port);
  await network.directory.stop();

  const alice = network.overcall('alice', 'alice', ...LISTEN);
  await alice.waitFor('attached', { where: ({ supernode }) => supernode === 'supernode' });
  await alice.waitFor('attached', { where: ({ supernode }) => supernode === 'supernode-2' });
});
