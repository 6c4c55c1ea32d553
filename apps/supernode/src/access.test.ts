import { hmacSha256, UdpSocket } from '@overcall/net';
import { fromBase64Url, writeBindRequest } from '@overcall/wire';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Phone, TestNetwork } from './network.test-support.ts';
import type { SupernodeOptions } from './options.ts';

/** Whom an operator lets in, over real sockets. */
let network: TestNetwork;
beforeEach(async () => {
  network = await TestNetwork.start();
});
afterEach(() => network.close());

it.each([
  ['not-allowed', { allow: ['alice'] }],
  ['refused-address', { deny: ['127.0.0.0/8'] }],
] as [string, Partial<SupernodeOptions>][])('refuses an attach with %s', async (code, rules) => {
  const supernode = await network.supernode('one', rules);
  const bob = new Phone(await network.user('bob'));
  network.closers.push(() => bob.close());
  await bob.ask(supernode);
  expect(await bob.next('refused')).toMatchObject({ code });
  expect(supernode.status()).toMatchObject({ attached: 0, refused: { [code]: 1 } });
});

it('takes who is allowed, from a network that is', async () => {
  const supernode = await network.supernode('one', { allow: ['alice', '127.0.0.0/8'] });
  await network.phone('alice', supernode);
  expect(supernode.status()).toMatchObject({ attached: 1, refused: {} });
});

it('binds no flow from a network that is denied', async () => {
  const supernode = await network.supernode('one', { deny: ['127.0.0.2/32'] });
  const alice = await network.phone('alice', supernode);
  alice.send({ t: 'probe-open', id: 1, flow: 7 });
  const bindKey = fromBase64Url((await alice.next('relay-opened')).bindKey)!;
  const request = { flowId: 7, sequence: 1n, cookie: new Uint8Array(16) };
  const datagram = writeBindRequest(request, (bytes) => hmacSha256(bindKey, bytes));
  const [address, port] = supernode.udp[0]!.split(':');
  const socket = await UdpSocket.bind({ address: '127.0.0.2', port: 0 }, () => {});
  network.closers.push(() => socket.close());
  socket.send(datagram, { address: address!, port: Number(port) });
  await expect.poll(() => supernode.status().dropped).toEqual({ 'refused-address': 1 });
});
