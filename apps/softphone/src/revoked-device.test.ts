import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@overcall/cli';
import {
  AttachProof,
  AttachReceipt,
  generateAgreementKey,
  generateSigningKey,
  keyIdOf,
  peekClaims,
  publicKeyOf,
  type RevokedDevice,
  type SigningPrivateKey,
  type SupernodeEntry,
  SupernodeList,
  signObject,
} from '@overcall/identity';
import { type ControlConnection, ControlServer, createSelfSigned } from '@overcall/net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Profile } from './profile.ts';
import { SupernodeListStore } from './supernode-list-store.ts';
import { SupernodePool } from './supernode-pool.ts';

const REFUSAL = { t: 'refused' as const, code: 'device-revoked', message: 'revoked, says a supernode' };
const NONCE = 'n'.repeat(22);

let folder: string;
let directoryKey: SigningPrivateKey;
let profile: Profile;
let supernode: StandIn;
let pool: SupernodePool;
let revoked: PromiseWithResolvers<void>;

/** A supernode that takes everybody, or nobody, and whose every word is the test's. */
class StandIn {
  entry!: SupernodeEntry;
  takes = true;
  attaches = 0;
  #connection: ControlConnection | undefined;
  #key!: SigningPrivateKey;
  readonly #server = new ControlServer({
    onConnection: (connection) => {
      this.#connection = connection;
      void keyIdOf(this.#key).then((id) =>
        connection.send({ t: 'hello', versions: [1], supernode: id, nonce: NONCE }),
      );
      return { onText: (text) => void this.#handle(connection, JSON.parse(text)), onClose() {} };
    },
    admitListRequest: () => true,
  });

  async start(): Promise<this> {
    this.#key = await generateSigningKey();
    const tls = await createSelfSigned('test', ['127.0.0.1']);
    const { port } = await this.#server.listen({ address: '127.0.0.1', port: 0 }, tls);
    const address = `127.0.0.1:${port}`;
    const key = publicKeyOf(this.#key);
    this.entry = { name: 'test', key, udp: [address], control: [address], tlsSha256: [tls.sha256] };
    return this;
  }

  async #handle(
    connection: ControlConnection,
    message: { t: string; id: number; proof: string },
  ): Promise<void> {
    if (message.t === 'ping') connection.send({ t: 'pong', id: message.id });
    if (message.t !== 'attach') return;
    this.attaches++;
    if (this.takes) connection.send({ t: 'attached', receipt: await this.#receipt(message.proof), udp: [] });
    else this.refuse();
  }

  async #receipt(proof: string): Promise<string> {
    const { clientNonce, endpoint } = peekClaims(AttachProof, proof)!;
    const { name, deviceId: device, directory } = profile;
    const claims = { iss: await keyIdOf(this.#key), name, device, endpoint, clientNonce, version: 1 };
    return signObject(AttachReceipt, claims, this.#key, {
      audience: directory.keyId,
      nowMs: Date.now(),
      lifetimeS: 60,
    });
  }

  refuse(): void {
    this.#connection?.send(REFUSAL);
    this.#connection?.close();
  }

  serve(list: string): void {
    this.#server.setList(list);
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/** Signed by the directory, or by somebody who would like to be it. */
async function listOf(version: number, revokedDevices: RevokedDevice[], key = directoryKey): Promise<string> {
  return signObject(SupernodeList, { version, supernodes: [supernode.entry], revokedDevices }, key, {
    audience: profile.directory.keyId,
    nowMs: Date.now(),
    lifetimeS: 60,
  });
}

const ourselves = () => ({ identity: profile.identityKeyId, device: profile.deviceId });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-revoked-'));
  directoryKey = await generateSigningKey();
  const key = publicKeyOf(directoryKey);
  const keys = {
    identity: await generateSigningKey(),
    device: await generateSigningKey(),
    agreement: await generateAgreementKey(),
  };
  profile = {
    keys,
    name: 'alice',
    directory: {
      ...{ url: 'http://127.0.0.1:1', key, keyId: await keyIdOf(key) },
      ...{ tlsSha256: null, registration: 'open' as const },
    },
    chain: { user: 'a.b.c', device: 'a.b.c' },
    expiresAt: Number.POSITIVE_INFINITY,
    deviceId: await keyIdOf(keys.device),
    identityKeyId: await keyIdOf(keys.identity),
  };
  supernode = await new StandIn().start();
  revoked = Promise.withResolvers();
  const store = new SupernodeListStore({ dataDir: folder }, profile.directory, ['127.0.0.0/8']);
  await store.offer(await listOf(1, []));
  supernode.serve(await listOf(1, []));
  const handlers = { onAttached() {}, onLost() {}, onLeft() {}, onSignal() {}, onUndeliverable() {} };
  pool = new SupernodePool(
    store,
    profile,
    { ...handlers, onRefused() {}, onRevoked: revoked.resolve },
    createLogger('test', 'silent'),
  );
});
afterEach(async () => {
  await pool.close();
  await supernode.close();
  rmSync(folder, { recursive: true, force: true });
});

it('a softphone that is attached ends when the supernode that refuses it has the signed list that says so', async () => {
  await pool.start(true);
  supernode.serve(await listOf(2, [ourselves()]));
  supernode.refuse();
  await revoked.promise;
});

it('one that begins ends with what to do about it', async () => {
  supernode.takes = false;
  supernode.serve(await listOf(2, [ourselves()]));
  await expect(pool.start(true)).rejects.toMatchObject({
    code: 'device-revoked',
    remedy: expect.stringMatching(/overcall import/),
  });
});

it.each([
  ['has no list that says so', () => listOf(2, [])],
  ['signed such a list itself', async () => listOf(2, [ourselves()], await generateSigningKey())],
])('a supernode that refuses and %s ends nobody', async (_what, list) => {
  await pool.start(true);
  supernode.serve(await list());
  supernode.refuse();
  // It goes on as after any other loss.
  await expect.poll(() => supernode.attaches, { timeout: 15_000 }).toBeGreaterThan(1);
  await expect.poll(() => pool.all.length, { timeout: 15_000 }).toBe(1);
  await expect(Promise.race([revoked.promise, 'not revoked'])).resolves.toBe('not revoked');
});

it('where every supernode lies so, the start fails as if none were there', async () => {
  supernode.takes = false;
  await expect(pool.start(true)).rejects.toMatchObject({ code: 'supernode-unreachable' });
});
