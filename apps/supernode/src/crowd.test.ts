import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { parseAddressPort } from '@overcall/traversal';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestNetwork } from './network.test-support.ts';

let network: TestNetwork;
const sockets: Socket[] = [];
beforeEach(async () => {
  network = await TestNetwork.start();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await network.close();
});

/** So many TCP connections from this address, and nothing more. They are accepted in the order in which they were begun. */
function come(count: number, from: string, to: string): Socket[] {
  const { address, port } = parseAddressPort(to)!;
  const begun = Array.from({ length: count }, () =>
    connect({ host: address, port, localAddress: from })
      .on('error', () => {})
      .resume(),
  );
  sockets.push(...begun);
  return begun;
}

it('lets other supernodes in when a crowd is turned away', async () => {
  const to = (await network.supernode('p')).control[0]!;
  // Its list names 127.0.0.1 alone; 127.0.0.2 is in the same prefix.
  come(220, '127.0.0.2', to);
  const supernodes = come(10, '127.0.0.1', to);
  const last = come(50, '127.0.0.2', to);
  await expect.poll(() => last.some(({ closed }) => closed)).toBe(true);
  await setImmediate();
  expect(supernodes.filter(({ closed, connecting }) => closed || connecting)).toEqual([]);
});
