import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  generateSigningKey,
  keyIdOf,
  LinkProof,
  type SigningPrivateKey,
  signObject,
} from '@overcall/identity';
import { LINK_PATH, type LinkMessage, readLinkMessage, toBase64Url } from '@overcall/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { DataFiles } from './data-files.ts';
import { Inbox, TestNetwork } from './network.test-support.ts';
import type { Supernode } from './options.ts';

let network: TestNetwork;
let p: Supernode;
let q: Supernode;
const CALL = toBase64Url(randomBytes(16));

beforeEach(async () => {
  network = await TestNetwork.start();
  p = await network.supernode('p');
  q = await network.supernode('q');
  // p learns of q with the next list: at once here, instead of within half a minute.
  await p.refreshList();
});
afterEach(() => network.close());

const linked = (supernode: Supernode) => supernode.status().links.linked;

describe('a signal between softphones at two supernodes', () => {
  it('goes over a link that is opened for it, both ways', async () => {
    const [alice, bob] = [await network.phone('alice', p), await network.phone('bob', q)];
    alice.send({ t: 'signal', to: bob.endpoint, supernode: q.id, callId: CALL, body: 'AgAA' });
    const from = { name: 'alice', ...alice.endpoint, supernode: p.id };
    expect(await bob.next('signal')).toEqual({ t: 'signal', from, callId: CALL, body: 'AgAA' });
    bob.send({ t: 'signal', to: alice.endpoint, supernode: p.id, callId: CALL, body: 'AwAA' });
    expect(await alice.next('signal')).toMatchObject({ from: { supernode: q.id }, body: 'AwAA' });
    expect([linked(p), linked(q)]).toEqual([1, 1]);
  });

  it('comes back as failed from where nobody is, and when the supernode is gone', async () => {
    const [alice, bob] = [await network.phone('alice', p), await network.phone('bob', q)];
    const nobody = { ...bob.endpoint, endpoint: toBase64Url(randomBytes(16)) };
    alice.send({ t: 'signal', to: nobody, supernode: q.id, callId: CALL, body: 'AgAA' });
    expect(await alice.next('signal-failed')).toMatchObject({ to: nobody, code: 'not-attached' });
    await q.close();
    await expect.poll(() => linked(p)).toBe(0);
    alice.send({ t: 'signal', to: bob.endpoint, supernode: q.id, callId: CALL, body: 'AgAA' });
    expect(await alice.next('signal-failed')).toMatchObject({ callId: CALL, code: 'no-link' });
  });

  it('finds the other again when it is back', async () => {
    const [alice, bob] = [await network.phone('alice', p), await network.phone('bob', q)];
    await q.close();
    q = await network.supernode('q', { listen: [q.udp[0]!] });
    await bob.attach(q);
    const send = () =>
      alice.send({ t: 'signal', to: bob.endpoint, supernode: q.id, callId: CALL, body: 'AgAA' });
    send();
    // As softphones do: while p still waits before its next try of q, a signal comes back as failed.
    const again = setInterval(send, 1000);
    expect(await bob.next('signal')).toMatchObject({ from: { supernode: p.id } });
    clearInterval(again);
  });
});

describe('supernodes of one list', () => {
  it('link by themselves, measure each other, and answer what they measured', async () => {
    const r = await network.supernode('r');
    await Promise.all([p.refreshList(), q.refreshList()]);
    for (const each of [p, q, r]) await expect.poll(() => linked(each)).toBe(2);
    const rtts = () => p.status().neighbours.map(({ name, rttMs }) => [name, rttMs !== null]);
    await expect
      .poll(() => rtts().sort())
      .toEqual([
        ['q', true],
        ['r', true],
      ]);
    const alice = await network.phone('alice', p);
    const supernodes = [r.id, q.id, p.id];
    alice.send({ t: 'measurements', id: 6, supernodes });
    const { id, links } = await alice.next('measurements-result');
    expect(id).toBe(6);
    const pairs = new Set(links.map(([from, to]) => [from, to].sort().join()));
    expect([...pairs].sort()).toEqual(['0,1', '0,2', '1,2']);
    for (const [, , rttMs, lossPct] of links) expect([rttMs > 0 && rttMs < 5000, lossPct]).toEqual([true, 0]);
  });

  it('take one that has just been admitted into their midst, without waiting for the next look at the list', async () => {
    const r = await network.supernode('r');
    for (const each of [p, q, r]) await expect.poll(() => linked(each)).toBe(2);
  });

  it('pass on the newest list, and start again from it, while the directory is dead', async () => {
    await expect.poll(() => linked(p)).toBe(1);
    const r = await network.supernode('r');
    await q.refreshList();
    await network.directory.close();
    const newest = r.status().listVersion;
    await expect.poll(() => p.status().listVersion).toBe(newest);
    await expect.poll(() => linked(p)).toBe(2);
    await q.close();
    q = await network.supernode('q', { listen: [q.udp[0]!] });
    await expect.poll(() => linked(q)).toBe(2);
    // Until others have reached it again.
    await expect.poll(() => q.status().ready).toBe(true);
    expect(q.status().directory.reachable).toBe(false);
  });
});

/** A WebSocket to the link port of a supernode; answers pings, as whoever does not is taken for dead. */
class Stranger {
  readonly #inbox = new Inbox<LinkMessage>();
  readonly socket: WebSocket;
  readonly closed: Promise<number>;

  constructor(to: Supernode) {
    this.socket = new WebSocket(`wss://${to.control[0]}${LINK_PATH}`, { rejectUnauthorized: false });
    this.socket.on('error', () => {});
    this.socket.on('message', (data) => {
      const message = readLinkMessage(data.toString())!;
      if (message.t === 'ping') this.say({ t: 'pong', id: message.id });
      else this.#inbox.push(message);
    });
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
  }

  next<T extends LinkMessage['t']>(t: T): Promise<Extract<LinkMessage, { t: T }>> {
    return this.#inbox.next((message): message is Extract<LinkMessage, { t: T }> => message.t === t);
  }

  async hello(supernode: string): Promise<{ ours: string; theirs: string }> {
    const { nonce: theirs } = await this.next('hello');
    const ours = toBase64Url(randomBytes(16));
    this.say({ t: 'hello', versions: [1], supernode, nonce: ours });
    return { ours, theirs };
  }

  say(message: LinkMessage | string | Buffer): void {
    const isRaw = typeof message === 'string' || Buffer.isBuffer(message);
    this.socket.send(isRaw ? message : JSON.stringify(message));
  }
}

const proofBy = (
  key: SigningPrivateKey,
  iss: string,
  audience: string,
  ownNonce: string,
  otherNonce: string,
) =>
  signObject(LinkProof, { label: 'overcall link', iss, versions: [1], ownNonce, otherNonce }, key, {
    audience,
    nowMs: Date.now(),
    lifetimeS: 60,
  });
const keyOf = (name: string) => new DataFiles(join(network.folder, name)).identityKey();

describe('who is no supernode of the list', () => {
  it('gets a link with the key of one, and with nothing else', async () => {
    await q.close();
    await expect.poll(() => p.status().links).toMatchObject({ linked: 0, connections: 0 });
    // q itself is not listed if it gets to p before the list does that has it.
    const before = { ...p.status().linkCounts };
    const real = new Stranger(p);
    const { ours, theirs } = await real.hello(q.id);
    const proof = await proofBy(await keyOf('q'), q.id, p.id, ours, theirs);
    real.say({ t: 'join', proof });
    await real.next('join');
    expect(linked(p)).toBe(1);
    real.say({ t: 'ping', id: 5 });
    expect(await real.next('pong')).toEqual({ t: 'pong', id: 5 });

    const forger = new Stranger(p);
    const nonces = await forger.hello(q.id);
    forger.say({
      t: 'join',
      proof: await proofBy(await generateSigningKey(), q.id, p.id, nonces.ours, nonces.theirs),
    });
    expect(await forger.closed).toBe(1008);

    const replayer = new Stranger(p);
    await replayer.hello(q.id);
    replayer.say({ t: 'join', proof });
    expect(await replayer.closed).toBe(1008);

    const unlisted = await generateSigningKey();
    const outsider = new Stranger(p);
    await outsider.hello(await keyIdOf(unlisted));
    expect(await outsider.closed).toBe(1008);

    expect(linked(p)).toBe(1);
    const counts = p.status().linkCounts;
    const more = (what: string) => (counts[what] ?? 0) - (before[what] ?? 0);
    expect([more('bad-proof'), more('not-listed')]).toEqual([2, 1]);
    real.socket.close();
  });

  it('is cut off with whatever else it sends, and the supernode goes on', async () => {
    await expect.poll(() => linked(p)).toBe(1);
    for (const junk of ['junk', '{"t":"ping","id":1}', '{}', randomBytes(40), 'x'.repeat(300_000)]) {
      const stranger = new Stranger(p);
      await stranger.next('hello');
      stranger.say(junk);
      expect([1003, 1006, 1008, 1009]).toContain(await stranger.closed);
    }
    await expect.poll(() => p.status().links).toMatchObject({ linked: 1, connections: 1 });
  });
});
