import { ExitCode, exitCodeOf } from '@overcall/cli';
import { hmacSha256, UdpSocket } from '@overcall/net';
import { fromBase64Url, OvercallError, writeBindRequest } from '@overcall/wire';
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
] as [
  string,
  Partial<SupernodeOptions>,
][])('refuses an attach with %s, which tells a softphone that it is not authorised', async (code, rules) => {
  const supernode = await network.supernode('one', rules);
  const bob = new Phone(await network.user('bob'));
  network.closers.push(() => bob.close());
  await bob.ask(supernode);
  expect(await bob.next('refused')).toMatchObject({ code });
  expect(supernode.status()).toMatchObject({ attached: 0, refused: { [code]: 1 } });
  expect(exitCodeOf(new OvercallError(code, ''))).toBe(ExitCode.NotAuthorised);
});

it('detaches whom other rules keep out while it runs, ends no flow, and takes them again', async () => {
  const supernode = await network.supernode('one');
  const [alice, bob] = [await network.phone('alice', supernode), await network.phone('bob', supernode)];
  const [a, b] = [alice.user.identityId, bob.user.identityId];
  alice.send({ t: 'relay-open', id: 1, peer: b, receiveFlow: 1, sendFlow: 2 });
  bob.send({ t: 'relay-open', id: 1, peer: a, receiveFlow: 2, sendFlow: 1 });
  await bob.next('relay-opened');

  expect(() => supernode.changeRules({ deny: ['no name!'] })).toThrow('--deny "no name!"');
  expect(supernode.status().attached).toBe(2);
  expect(supernode.changeRules({ deny: ['bob'] })).toBe(1);
  expect(await bob.next('refused')).toMatchObject({ code: 'not-allowed' });
  expect(supernode.status()).toMatchObject({ attached: 1, calls: 1 });
  expect(supernode.changeRules({ deny: ['127.0.0.0/8'] })).toBe(1);
  expect(await alice.next('refused')).toMatchObject({ code: 'refused-address' });

  supernode.changeRules({});
  await bob.attach(supernode);
  expect(supernode.status()).toMatchObject({ attached: 1, calls: 1 });
});

it('takes no more calls than other limits allow while it runs, and lets those go on that there are', async () => {
  const supernode = await network.supernode('one');
  const alice = await network.phone('alice', supernode);
  const bob = await network.phone('bob', supernode);
  const open = (flow: number) => {
    alice.send({
      t: 'relay-open',
      id: flow,
      peer: bob.user.identityId,
      receiveFlow: flow,
      sendFlow: flow + 1,
    });
    bob.send({
      t: 'relay-open',
      id: flow,
      peer: alice.user.identityId,
      receiveFlow: flow + 1,
      sendFlow: flow,
    });
  };
  open(1);
  await bob.next('relay-opened');
  supernode.changeRules({ maxCalls: 1 });
  open(11);
  expect(await alice.next('relay-failed')).toMatchObject({ id: 11, code: 'overloaded' });
  expect(supernode.status().calls).toBe(1);
  supernode.changeRules({ maxGbMonth: 0 });
  expect(supernode.status()).toMatchObject({ maxMonthBytes: 0, calls: 1 });
  open(21);
  expect(await alice.next('relay-failed')).toMatchObject({ id: 21, code: 'overloaded' });
  supernode.changeRules({ maxCalls: 5 });
  open(31);
  await alice.next('relay-opened');
  expect(supernode.status()).toMatchObject({ maxMonthBytes: null, calls: 2 });
});

it('takes who is allowed, from a network that is', async () => {
  const supernode = await network.supernode('one', { allow: ['alice', '127.0.0.0/8'] });
  await network.phone('alice', supernode);
  expect(supernode.status()).toMatchObject({ attached: 1, refused: {} });
});

it('takes softphones although it relays no call at all, and says that it is full', async () => {
  const supernode = await network.supernode('one', { maxCalls: 0 });
  await expect.poll(() => supernode.status().load).toBe(1);
  const alice = await network.phone('alice', supernode);
  alice.send({ t: 'relay-open', id: 1, peer: 'p'.repeat(43), receiveFlow: 1, sendFlow: 2 });
  expect(await alice.next('relay-failed')).toMatchObject({ code: 'overloaded' });
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
