import { randomBytes } from 'node:crypto';
import { createLogger } from '@overcall/cli';
import {
  generateAgreementKey,
  generateSigningKey,
  keyIdOf,
  publicKeyOf,
  RevokedDevices,
  type SupernodeEntry,
} from '@overcall/identity';
import { type ControlConnection, ControlServer, createSelfSigned } from '@overcall/net';
import type { OvercallError } from '@overcall/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Profile } from './profile.ts';
import type { SupernodeListStore } from './supernode-list-store.ts';
import { SupernodePool } from './supernode-pool.ts';

type FakeStore = Pick<
  SupernodeListStore,
  'entries' | 'version' | 'revokedDevices' | 'loadStored' | 'load' | 'offer'
>;

let entry: SupernodeEntry;
let store: FakeStore;
let profile: Profile;
let server: ControlServer | null = null;
let pool: SupernodePool | null = null;
const refusals: string[] = [];
const signals: unknown[] = [];

beforeEach(async () => {
  refusals.length = 0;
  signals.length = 0;
  const identity = await generateSigningKey();
  const keys = { identity, device: await generateSigningKey(), agreement: await generateAgreementKey() };
  const directory = { url: 'http://127.0.0.1:1', key: publicKeyOf(identity), keyId: 'k'.repeat(43) };
  profile = {
    keys,
    name: 'alice',
    directory: { ...directory, tlsSha256: null, registration: 'open' },
    chain: { user: 'a.b.c', device: 'a.b.c' },
    expiresAt: Number.POSITIVE_INFINITY,
    deviceId: await keyIdOf(keys.device),
    identityKeyId: await keyIdOf(identity),
  };
});
afterEach(async () => {
  await pool?.close();
  await server?.close();
});

/** A supernode that does what `behave` says with each connection. */
async function startSupernode(
  behave: (connection: ControlConnection, supernode: string) => (text: string) => void,
): Promise<SupernodePool> {
  const key = publicKeyOf(await generateSigningKey());
  const supernode = await keyIdOf(key);
  const tls = await createSelfSigned('test', ['127.0.0.1']);
  server = new ControlServer({
    onConnection: (connection) => ({ onText: behave(connection, supernode), onClose() {} }),
    admitListRequest: () => true,
  });
  const { port } = await server.listen({ address: '127.0.0.1', port: 0 }, tls);
  const address = `127.0.0.1:${port}`;
  entry = { name: 'test', key, udp: [address], control: [address], tlsSha256: [tls.sha256] };
  store = {
    entries: [entry],
    version: 1,
    revokedDevices: new RevokedDevices(),
    loadStored: async () => false,
    load: async () => {},
    offer: async () => false,
  };
  pool = new SupernodePool(
    store as unknown as SupernodeListStore,
    profile,
    {
      onAttached() {},
      onLost() {},
      onLeft() {},
      onSignal: (_attachment, message) => signals.push(message),
      onUndeliverable() {},
      onRefused: ({ code }) => refusals.push(code),
      onRevoked() {},
    },
    createLogger('test', 'silent'),
  );
  return pool;
}

const hello = (supernode: string) => ({
  t: 'hello' as const,
  versions: [1],
  supernode,
  nonce: randomBytes(16).toString('base64url'),
});

it('a supernode that refuses and closes while we attach is an error, not a crash', async () => {
  const attaching = await startSupernode((connection, supernode) => {
    connection.send(hello(supernode));
    return () => {
      connection.send({ t: 'refused', code: 'draining', message: 'later' });
      connection.close();
    };
  });
  await expect(attaching.start(true)).rejects.toMatchObject({
    code: 'draining',
  } satisfies Partial<OvercallError>);
  expect(refusals).toEqual(['draining']);
});

it('a supernode that is full is asked again when it said there may be room, as long as it says so', async () => {
  const answers = [
    { t: 'refused' as const, code: 'overloaded', message: 'too many', retryAfterMs: 20 },
    { t: 'refused' as const, code: 'overloaded', message: 'too many', retryAfterMs: 30 },
    { t: 'refused' as const, code: 'not-allowed', message: 'never' },
  ];
  const attaching = await startSupernode((connection, supernode) => {
    connection.send(hello(supernode));
    return () => {
      connection.send(answers.shift()!);
      connection.close();
    };
  });
  await expect(attaching.start(true)).rejects.toMatchObject({ code: 'not-allowed' });
  expect(refusals).toEqual(['overloaded', 'overloaded', 'not-allowed']);
});

it('a supernode that is full for longer than anybody waits is an error at once', async () => {
  const attaching = await startSupernode((connection, supernode) => {
    connection.send(hello(supernode));
    return () => {
      connection.send({ t: 'refused', code: 'overloaded', message: 'too many', retryAfterMs: 3_600_000 });
      connection.close();
    };
  });
  await expect(attaching.start(true)).rejects.toMatchObject({ code: 'overloaded' });
});

it('what a supernode says before it has proven itself is not listened to', async () => {
  const attaching = await startSupernode((connection, supernode) => {
    connection.send(hello(supernode));
    const from = { name: 'mallory', device: supernode, endpoint: 'e'.repeat(22) };
    connection.send({ t: 'signal', from, callId: 'c'.repeat(22), body: 'AAAA' });
    return () => connection.close();
  });
  await expect(attaching.start(true)).rejects.toMatchObject({ code: 'supernode-unreachable' });
  expect(signals).toEqual([]);
});

it('a supernode that claims another key than the list names is refused', async () => {
  const attaching = await startSupernode((connection) => {
    connection.send(hello('x'.repeat(43)));
    return () => {};
  });
  await expect(attaching.start(true)).rejects.toThrow(/claims another key/);
});

describe('a stored list', () => {
  /** The supernode of the stored list has gone; the directory names the one that says hello. */
  async function startWithNews(): Promise<{ attaching: SupernodePool; asked: () => number }> {
    const attaching = await startSupernode((connection, supernode) => {
      connection.send(hello(supernode));
      return () => {
        connection.send({ t: 'refused', code: 'not-allowed', message: 'it is reached' });
        connection.close();
      };
    });
    let asked = 0;
    const gone = { ...entry, key: publicKeyOf(await generateSigningKey()), control: ['127.0.0.1:1'] };
    store.entries = [gone];
    store.loadStored = async () => true;
    store.load = async () => {
      asked++;
      Object.assign(store, { entries: [entry], version: 2 });
    };
    return { attaching, asked: () => asked };
  }

  it('whose supernodes have gone is followed by the newest one of the directory', async () => {
    const { attaching } = await startWithNews();
    await expect(attaching.start(true)).rejects.toMatchObject({ code: 'not-allowed' });
    expect(refusals).toEqual(['supernode-unreachable', 'not-allowed']);
  });

  it('that the directory has nothing newer for ends with what its supernodes say', async () => {
    const { attaching, asked } = await startWithNews();
    const { load } = store;
    store.load = async () => {
      const { entries } = store;
      await load();
      Object.assign(store, { entries, version: 1 });
    };
    await expect(attaching.start(true)).rejects.toMatchObject({
      code: 'supernode-unreachable',
    });
    expect(asked()).toBeGreaterThan(0);
  });
});
