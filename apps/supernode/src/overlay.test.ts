import { createHmac } from 'node:crypto';
import { fetchDirectory, UdpSocket } from '@overcall/net';
import { presenceRecord } from '@overcall/overlay/testing';
import { parseAddressPort } from '@overcall/traversal';
import {
  COOKIE_BYTES,
  DatagramType,
  fromBase64Url,
  readBindChallenge,
  writeBindRequest,
  writeMedia,
} from '@overcall/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Inbox, type Phone, TestNetwork } from './network.test-support.ts';
import type { Supernode } from './options.ts';

let network: TestNetwork;
let p: Supernode;
let q: Supernode;
let r: Supernode;

beforeEach(async () => {
  network = await TestNetwork.start();
  [p, q, r] = [await network.supernode('p'), await network.supernode('q'), await network.supernode('r')];
  // At once here, instead of within half a minute.
  for (const supernode of [p, q, r]) await supernode.refreshList();
}, 60_000);
afterEach(() => network.close());

async function present(phone: Phone, at: Supernode, seq = 1): Promise<string> {
  const { keyId } = await fetchDirectory(network.directory.url);
  const record = await presenceRecord(phone.user, { keyId }, at.id, Date.now(), { seq });
  phone.send({ t: 'present', record });
  return record;
}

async function lookup(phone: Phone, name: string): Promise<string[]> {
  phone.send({ t: 'lookup', id: 7, name });
  return (await phone.next('lookup-result')).endpoints.map(({ record }) => record);
}

describe('the presence index', () => {
  it('finds who is attached elsewhere, also when two of the three supernodes are gone', async () => {
    const [alice, bob] = [await network.phone('alice', p), await network.phone('bob', q)];
    const record = await present(bob, q);
    await expect.poll(() => [p, q, r].map((each) => each.status().indexRecords)).toEqual([1, 1, 1]);
    expect(await lookup(alice, 'bob')).toEqual([record]);
    await Promise.all([q.close(), r.close()]);
    expect(await lookup(alice, 'bob')).toEqual([record]);
  });
});

/** A softphone's UDP socket: binds flows and keeps what comes. */
class Media {
  readonly inbox = new Inbox<Uint8Array>();
  readonly #socket: UdpSocket;
  readonly #relay: { address: string; port: number };

  constructor(socket: UdpSocket, relay: Supernode) {
    this.#socket = socket;
    this.#relay = parseAddressPort(relay.udp[0]!)!;
  }

  static async at(relay: Supernode): Promise<Media> {
    let media: Media | null = null;
    const socket = await UdpSocket.bind({ address: '127.0.0.1', port: 0 }, (datagram) =>
      media?.inbox.push(new Uint8Array(datagram)),
    );
    network.closers.push(() => socket.close());
    media = new Media(socket, relay);
    return media;
  }

  send(datagram: Uint8Array): void {
    this.#socket.send(datagram, this.#relay);
  }

  next(type: number): Promise<Uint8Array> {
    return this.inbox.next((datagram): datagram is Uint8Array => datagram[0] === type);
  }

  async bind(flowId: number, bindKey: string): Promise<void> {
    const request = (sequence: bigint, cookie: Uint8Array) =>
      writeBindRequest({ flowId, sequence, cookie }, (bytes) =>
        createHmac('sha256', fromBase64Url(bindKey)!).update(bytes).digest(),
      );
    this.send(request(1n, new Uint8Array(COOKIE_BYTES)));
    const challenge = readBindChallenge(await this.next(DatagramType.BindChallenge))!;
    this.send(request(2n, challenge.cookie));
    await this.next(DatagramType.BindAck);
  }
}

describe('a flow over several supernodes', () => {
  it.each([
    ['two', () => [p, q]],
    ['three', () => [p, r, q]],
  ])('of %s carries datagrams both ways and ends everywhere', async (_count, supernodes) => {
    const way = supernodes();
    const [first, last] = [way[0]!, way.at(-1)!];
    const [alice, bob] = [await network.phone('alice', first), await network.phone('bob', last)];
    const [a, b] = [0xaaaa0001, 0xbbbb0002];
    const ids = way.map(({ id }) => id);
    const open = (
      phone: Phone,
      peer: Phone,
      flows: { receiveFlow: number; sendFlow: number },
      next: string[],
    ) => phone.send({ t: 'relay-open', id: 1, peer: peer.user.identityId, ...flows, next });
    open(alice, bob, { receiveFlow: a, sendFlow: b }, ids.slice(1));
    open(bob, alice, { receiveFlow: b, sendFlow: a }, [...ids].reverse().slice(1));
    const [mediaA, mediaB] = [await Media.at(first), await Media.at(last)];
    await mediaA.bind(b, (await alice.next('relay-opened')).bindKey);
    await mediaB.bind(a, (await bob.next('relay-opened')).bindKey);
    const datagram = writeMedia(b, 7, new Uint8Array(60).fill(3));
    mediaA.send(datagram);
    expect(await mediaB.next(DatagramType.Media)).toEqual(datagram);
    mediaB.send(writeMedia(a, 8, new Uint8Array(60)));
    expect(await mediaA.next(DatagramType.Media)).toEqual(writeMedia(a, 8, new Uint8Array(60)));
    expect(way.map((each) => each.status().overlayCalls)).toEqual(way.map(() => 1));
    alice.send({ t: 'relay-close', receiveFlow: a, sendFlow: b });
    await expect.poll(() => way.map((each) => each.status().calls)).toEqual(way.map(() => 0));
  });
});
