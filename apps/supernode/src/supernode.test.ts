import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AttachReceipt,
  generateAgreementKey,
  generateSigningKey,
  issueDeviceCertificate,
  keyIdOf,
  peekClaims,
  publicKeyOf,
  Registration,
  type SupernodeEntry,
  SupernodeList,
  signObject,
  verifyObject,
} from '@overcall/identity';
import {
  challenge,
  connectControl,
  fetchDirectory,
  fetchOtherList,
  fetchSupernodeList,
  hmacSha256,
  registerUser,
  UdpSocket,
} from '@overcall/net';
import { attachProof, presenceRecord, type TestUser } from '@overcall/overlay/testing';
import {
  type ClientMessage,
  fromBase64Url,
  readBindAck,
  readBindChallenge,
  type SupernodeMessage,
  toBase64Url,
  writeBindRequest,
  writeMedia,
} from '@overcall/wire';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import type { Supernode, SupernodeOptions } from './options.ts';
import { startSupernode } from './supernode.ts';

/** A supernode in this process, with a real directory and real sockets on loopback. */
let folder: string;
let directory: RunningDirectory;
let supernode: Supernode;
const closers: (() => unknown)[] = [];

const options = (changes: Partial<SupernodeOptions> = {}): SupernodeOptions => ({
  directory: directory.pinnedUrl,
  listen: ['127.0.0.1:0'],
  publicAddresses: ['127.0.0.1'],
  name: 'test',
  dataDirectory: join(folder, 'supernode'),
  allowNets: ['127.0.0.0/8'],
  admin: '127.0.0.1:0',
  ...changes,
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-supernode-'));
  directory = await startDirectory({ listen: '127.0.0.1:0', dataDir: join(folder, 'directory') });
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await supernode?.close();
  await directory.close();
  rmSync(folder, { recursive: true });
});

async function register(name: string): Promise<TestUser> {
  const known = await fetchDirectory(directory.url);
  const [identity, deviceKey, agreement] = [
    await generateSigningKey(),
    await generateSigningKey(),
    await generateAgreementKey(),
  ];
  const nowMs = Date.now();
  const claims = { sub: name, cnf: { jwk: publicKeyOf(identity) }, nonce: await challenge(known) };
  const registration = await signObject(Registration, claims, identity, {
    audience: known.keyId,
    nowMs,
    lifetimeS: 300,
  });
  const chain = {
    user: await registerUser(known, registration),
    device: await issueDeviceCertificate(
      { key: publicKeyOf(deviceKey), agreementKey: agreement.x },
      identity,
      { directoryKeyId: known.keyId, nowMs },
    ),
  };
  const [identityId, deviceId] = [await keyIdOf(identity), await keyIdOf(deviceKey)];
  return { name, identityId, deviceId, deviceKey, chain, endpoint: toBase64Url(randomBytes(16)) };
}

/** What arrives, in order; `next` waits for the first that fits and drops what came before it. */
class Inbox<T> {
  readonly #items: T[] = [];
  #wake = () => {};

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  async next<Fitting extends T>(fits: (item: T) => item is Fitting): Promise<Fitting> {
    for (;;) {
      for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) {
        if (fits(item)) return item;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const isType =
  <T extends SupernodeMessage['t']>(t: T) =>
  (message: SupernodeMessage): message is Extract<SupernodeMessage, { t: T }> =>
    message.t === t;

class Phone {
  readonly user: TestUser;
  readonly inbox = new Inbox<SupernodeMessage>();
  send: (message: ClientMessage) => void = () => {};
  attached: Extract<SupernodeMessage, { t: 'attached' }> | null = null;

  constructor(user: TestUser) {
    this.user = user;
  }

  async attach(): Promise<this> {
    const { tlsSha256 } = supernode.status();
    const link = await connectControl(
      { address: supernode.control[0]!, tlsSha256: [tlsSha256] },
      { onMessage: (message) => this.inbox.push(message), onClose: () => {} },
    );
    closers.push(() => link.close());
    this.send = (message) => link.send(message);
    const hello = await this.inbox.next(isType('hello'));
    const proof = await attachProof(this.user, hello.supernode, hello.nonce, Date.now());
    this.send({ t: 'attach', chain: this.user.chain, proof });
    this.attached = await this.inbox.next(isType('attached'));
    return this;
  }
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
    closers.push(() => this.#socket!.close());
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
  const [alice, bob] = [
    await new Phone(await register('alice')).attach(),
    await new Phone(await register('bob')).attach(),
  ];
  alice.send({ t: 'relay-open', id: 1, peer: bob.user.identityId, receiveFlow: 111, sendFlow: 222 });
  bob.send({ t: 'relay-open', id: 2, peer: alice.user.identityId, receiveFlow: 222, sendFlow: 111 });
  const [a, b] = [new Media(222), new Media(111)];
  for (const [phone, media] of [
    [alice, a],
    [bob, b],
  ] as const) {
    const opened = await phone.inbox.next(isType('relay-opened'));
    expect(opened.udp).toEqual(supernode.udp);
    await media.bind(fromBase64Url(opened.bindKey)!);
  }
  return { a, b };
}

describe('a supernode', () => {
  it('is in the signed list once it has started, with a certificate that fits', async () => {
    supernode = await startSupernode(options());
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
    supernode = await startSupernode(options());
    const [alice, bob] = [
      await new Phone(await register('alice')).attach(),
      await new Phone(await register('bob')).attach(),
    ];
    const receipt = peekClaims(AttachReceipt, alice.attached!.receipt);
    expect(receipt).toMatchObject({
      iss: supernode.id,
      name: 'alice',
      device: alice.user.deviceId,
      version: 1,
    });
    expect(alice.attached!.listVersion).toBe(supernode.status().listVersion);

    const record = await presenceRecord(bob.user, directory, supernode.id, Date.now());
    bob.send({ t: 'present', record });
    let found: Extract<SupernodeMessage, { t: 'lookup-result' }>;
    let id = 0;
    do {
      alice.send({ t: 'lookup', id: ++id, name: 'Bob' });
      found = await alice.inbox.next(isType('lookup-result'));
    } while (found.endpoints.length === 0 && id < 15);
    expect(found.endpoints).toEqual([{ chain: bob.user.chain, record }]);

    const to = { device: bob.user.deviceId, endpoint: bob.user.endpoint };
    const callId = toBase64Url(randomBytes(16));
    alice.send({ t: 'signal', to, callId, body: 'AgAA' });
    const { device, endpoint } = { device: alice.user.deviceId, endpoint: alice.user.endpoint };
    expect(await bob.inbox.next(isType('signal'))).toEqual({
      t: 'signal',
      from: { name: 'alice', device, endpoint },
      callId,
      body: 'AgAA',
    });
  });

  it('relays the very same bytes between the two parties of a call', async () => {
    supernode = await startSupernode(options());
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
    supernode = await startSupernode(options({ taps: { forward } }));
    const { a, b } = await relayedPair();
    const [first, second] = [writeMedia(222, 1, randomBytes(60)), writeMedia(222, 2, randomBytes(60))];
    a.send(first);
    a.send(second);
    expect([await b.inbox.next(any), await b.inbox.next(any)]).toEqual(
      [second, first].map((d) => new Uint8Array(d)),
    );
  });

  it('takes random bytes at every door, and goes on', async () => {
    supernode = await startSupernode(options());
    const socket = await UdpSocket.bind({ address: '127.0.0.1', port: 0 }, () => {});
    closers.push(() => socket.close());
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
    supernode = await startSupernode(options());
    const user = await register('alice');
    const before = supernode.id;
    await supernode.close();
    await directory.close();
    supernode = await startSupernode(options({ listen: [supernode.udp[0]!] }));
    expect(supernode.id).toBe(before);
    expect(supernode.status()).toMatchObject({ ready: true, directory: { reachable: false } });
    await new Phone(user).attach();
    expect(supernode.status().attached).toBe(1);
  });

  it('does not start without directory and list, nor when the directory has another key', async () => {
    await expect(startSupernode(options({ directory: 'http://127.0.0.1:1' }))).rejects.toMatchObject({
      code: 'directory-unreachable',
    });
    const wrongPin = `${directory.url}#${(await generateSigningKey()).x}`;
    await expect(startSupernode(options({ directory: wrongPin }))).rejects.toMatchObject({
      code: 'directory-key-changed',
    });
  });

  it('says which port is in use, and leaves nothing open', async () => {
    supernode = await startSupernode(options());
    const second = options({ dataDirectory: join(folder, 'second'), listen: supernode.udp });
    await expect(startSupernode(second)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await supernode.close();
    supernode = await startSupernode(second);
  });

  it('drains: no new calls, done when the last one is over', async () => {
    supernode = await startSupernode(options());
    await relayedPair();
    const refusedDrain = await fetch(`http://${supernode.admin}/drain`, { method: 'POST' });
    expect(refusedDrain.status).toBe(403);
    await fetch(`http://${supernode.admin}/drain`, { method: 'POST', headers: { 'x-overcall-drain': '1' } });
    expect((await fetch(`http://${supernode.admin}/readyz`)).status).toBe(503);
    const drained = await Promise.race([supernode.whenDrained().then(() => true), Promise.resolve(false)]);
    expect(drained).toBe(false);
  });

  it('has metrics without names or addresses of users', async () => {
    supernode = await startSupernode(options());
    await relayedPair();
    const text = await (await fetch(`http://${supernode.admin}/metrics`)).text();
    expect(text).toContain('overcall_supernode_calls 1');
    expect(text).not.toMatch(/alice|bob/);
  });
});
