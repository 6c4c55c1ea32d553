import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  AttachReceipt,
  generateSigningKey,
  peekClaims,
  type SupernodeEntry,
  SupernodeList,
  verifyObject,
} from '@overcall/identity';
import { fetchDirectory, fetchOtherList, fetchSupernodeList, hmacSha256, UdpSocket } from '@overcall/net';
import { presenceRecord } from '@overcall/overlay/testing';
import {
  fromBase64Url,
  readBindAck,
  readBindChallenge,
  type SupernodeMessage,
  toBase64Url,
  writeBindRequest,
  writeMedia,
} from '@overcall/wire';
import type { RunningDirectory } from 'overcall-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { Inbox, Phone, TestNetwork } from './network.test-support.ts';
import type { Supernode, SupernodeOptions } from './options.ts';

/** A supernode in this process, with a real directory and real sockets on loopback. */
let network: TestNetwork;
let directory: RunningDirectory;
let supernode: Supernode;
beforeEach(async () => {
  network = await TestNetwork.start();
  directory = network.directory;
});
afterEach(() => network.close());

async function start(changes: Partial<SupernodeOptions> = {}): Promise<Supernode> {
  supernode = await network.supernode('test', { admin: '127.0.0.1:0', ...changes });
  return supernode;
}

/** A phone's UDP socket, bound to a relay flow. */
class Media {
  readonly inbox = new Inbox<Uint8Array>();
  readonly sendFlow: number;
  #socket: UdpSocket | null = null;

  constructor(sendFlow: number) {
    this.sendFlow = sendFlow;
  }

  send(datagram: Uint8Array): void {
    const [address, port] = supernode.udp[0]!.split(':');
    this.#socket!.send(datagram, { address: address!, port: Number(port) });
  }

  async bind(bindKey: Uint8Array): Promise<void> {
    this.#socket = await UdpSocket.bind({ address: '127.0.0.1', port: 0 }, (datagram) =>
      this.inbox.push(new Uint8Array(datagram)),
    );
    network.closers.push(() => this.#socket!.close());
    const request = (sequence: bigint, cookie: Uint8Array) =>
      writeBindRequest({ flowId: this.sendFlow, sequence, cookie }, (bytes) => hmacSha256(bindKey, bytes));
    this.send(request(1n, new Uint8Array(16)));
    const drawn = await this.inbox.next((d): d is Uint8Array => readBindChallenge(d) !== null);
    this.send(request(2n, readBindChallenge(drawn)!.cookie));
    await this.inbox.next((d): d is Uint8Array => readBindAck(d) !== null);
  }
}

const any = (_datagram: Uint8Array): _datagram is Uint8Array => true;

async function relayedPair(): Promise<{ a: Media; b: Media }> {
  const [alice, bob] = [await network.phone('alice', supernode), await network.phone('bob', supernode)];
  alice.send({ t: 'relay-open', id: 1, peer: bob.user.identityId, receiveFlow: 111, sendFlow: 222 });
  bob.send({ t: 'relay-open', id: 2, peer: alice.user.identityId, receiveFlow: 222, sendFlow: 111 });
  const [a, b] = [new Media(222), new Media(111)];
  for (const [phone, media] of [
    [alice, a],
    [bob, b],
  ] as const) {
    const opened = await phone.next('relay-opened');
    expect(opened.udp).toEqual(supernode.udp);
    await media.bind(fromBase64Url(opened.bindKey)!);
  }
  return { a, b };
}

describe('a supernode', () => {
  it('is in the signed list once it has started, with a certificate that fits', async () => {
    await start();
    const known = await fetchDirectory(directory.pinnedUrl);
    const list = await verifyObject(SupernodeList, await fetchSupernodeList(known), known.key, {
      audience: known.keyId,
      nowMs: Date.now(),
    });
    const entry: Partial<SupernodeEntry> = {
      name: 'test',
      udp: supernode.udp,
      control: supernode.control,
      tlsSha256: [supernode.status().tlsSha256],
    };
    expect(list.supernodes).toEqual([expect.objectContaining(entry)]);
    // What somebody has already does not travel again.
    expect(await fetchOtherList(known, list.version)).toBe(null);
    expect(await fetchOtherList(known, list.version - 1)).toBe(await fetchSupernodeList(known));
    expect(supernode.udp).toEqual(supernode.control);
    expect((await fetch(`http://${supernode.admin}/readyz`)).status).toBe(200);
  });

  it('attaches users, shows them to each other and passes their signals on', async () => {
    await start();
    const bob = await network.phone('bob', supernode);
    const alice = new Phone(await network.user('alice'));
    network.closers.push(() => alice.close());
    await alice.ask(supernode);
    const attached = await alice.next('attached');
    const receipt = peekClaims(AttachReceipt, attached.receipt);
    expect(receipt).toMatchObject({
      iss: supernode.id,
      name: 'alice',
      device: alice.user.deviceId,
      version: 1,
    });
    expect(attached.listVersion).toBe(supernode.status().listVersion);

    const record = await presenceRecord(bob.user, directory, supernode.id, Date.now());
    bob.send({ t: 'present', record });
    let found: Extract<SupernodeMessage, { t: 'lookup-result' }>;
    let id = 0;
    do {
      alice.send({ t: 'lookup', id: ++id, name: 'Bob' });
      found = await alice.next('lookup-result');
    } while (found.endpoints.length === 0 && id < 15);
    expect(found.endpoints).toEqual([{ chain: bob.user.chain, record }]);

    const to = { device: bob.user.deviceId, endpoint: bob.user.endpoint };
    const callId = toBase64Url(randomBytes(16));
    alice.send({ t: 'signal', to, callId, body: 'AgAA' });
    const { device, endpoint } = { device: alice.user.deviceId, endpoint: alice.user.endpoint };
    expect(await bob.next('signal')).toEqual({
      t: 'signal',
      from: { name: 'alice', device, endpoint },
      callId,
      body: 'AgAA',
    });
  });

  it('relays the very same bytes between the two parties of a call', async () => {
    await start();
    const { a, b } = await relayedPair();
    const datagram = writeMedia(222, 1, randomBytes(60));
    a.send(datagram);
    expect(await b.inbox.next(any)).toEqual(new Uint8Array(datagram));
    const back = writeMedia(111, 1, randomBytes(60));
    b.send(back);
    expect(await a.inbox.next(any)).toEqual(new Uint8Array(back));
    expect(supernode.status()).toMatchObject({ calls: 1, forwardedDatagrams: 2, attached: 2 });
  });

  it('can be made malicious for tests', async () => {
    const held: Uint8Array[] = [];
    const forward = (datagram: Uint8Array) => {
      held.push(datagram);
      return held.length < 2 ? [] : [...held].reverse();
    };
    await start({ taps: { forward } });
    const { a, b } = await relayedPair();
    const [first, second] = [writeMedia(222, 1, randomBytes(60)), writeMedia(222, 2, randomBytes(60))];
    a.send(first);
    a.send(second);
    expect([await b.inbox.next(any), await b.inbox.next(any)]).toEqual(
      [second, first].map((d) => new Uint8Array(d)),
    );
  });

  it('takes random bytes at every door, and goes on', async () => {
    await start();
    const socket = await UdpSocket.bind({ address: '127.0.0.1', port: 0 }, () => {});
    network.closers.push(() => socket.close());
    const [, port] = supernode.udp[0]!.split(':');
    for (let i = 0; i < 500; i++) {
      const bytes = randomBytes(i % 100);
      if (bytes.length > 0) bytes[0] = i % 16;
      socket.send(bytes, { address: '127.0.0.1', port: Number(port) });
    }
    for (const junk of ['junk', randomBytes(50), '{"t":"attach"}', 'x'.repeat(300_000)]) {
      const web = new WebSocket(`wss://${supernode.control[0]}/v1/control`, { rejectUnauthorized: false });
      web.on('error', () => {});
      web.on('open', () => web.send(junk));
      await new Promise((resolve) => web.once('close', resolve));
    }
    await relayedPair();
    const { dropped, connections, attached, refused } = supernode.status();
    expect(Object.keys(dropped).sort()).toEqual(
      expect.arrayContaining(['malformed', 'not-stun', 'unknown-flow']),
    );
    expect([connections, attached]).toEqual([2, 2]);
    expect(refused['not-understood']).toBe(2);
  });

  it('starts from its last list when the directory is dead, and serves', async () => {
    await start();
    const user = await network.user('alice');
    const before = supernode.id;
    await supernode.close();
    await directory.close();
    await start({ listen: [supernode.udp[0]!] });
    expect(supernode.id).toBe(before);
    expect(supernode.status()).toMatchObject({ ready: true, directory: { reachable: false } });
    const phone = new Phone(user);
    network.closers.push(() => phone.close());
    await phone.attach(supernode);
    expect(supernode.status().attached).toBe(1);
  });

  it('does not start without directory and list, nor when the directory has another key', async () => {
    await expect(start({ directory: 'http://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'directory-unreachable',
    });
    const wrongPin = `${directory.url}#${(await generateSigningKey()).x}`;
    await expect(start({ directory: wrongPin })).rejects.toMatchObject({
      code: 'directory-key-changed',
    });
  });

  it('says which port is in use, and leaves nothing open', async () => {
    await start();
    const second = { dataDirectory: join(network.folder, 'second'), listen: supernode.udp };
    await expect(start(second)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await supernode.close();
    await start(second);
  });

  it('drains: no new calls, done when the last one is over', async () => {
    await start();
    await relayedPair();
    const refusedDrain = await fetch(`http://${supernode.admin}/drain`, { method: 'POST' });
    expect(refusedDrain.status).toBe(403);
    await fetch(`http://${supernode.admin}/drain`, { method: 'POST', headers: { 'x-overcall-drain': '1' } });
    expect((await fetch(`http://${supernode.admin}/readyz`)).status).toBe(503);
    const drained = await Promise.race([supernode.whenDrained().then(() => true), Promise.resolve(false)]);
    expect(drained).toBe(false);
  });

  it('has metrics without names or addresses of users', async () => {
    await start();
    await relayedPair();
    const text = await (await fetch(`http://${supernode.admin}/metrics`)).text();
    expect(text).toContain('overcall_supernode_calls 1');
    expect(text).not.toMatch(/alice|bob/);
  });
});
