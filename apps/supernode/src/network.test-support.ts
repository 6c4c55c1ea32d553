import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  generateAgreementKey,
  generateSigningKey,
  issueDeviceCertificate,
  keyIdOf,
  publicKeyOf,
  Registration,
  signObject,
} from '@overcall/identity';
import { challenge, connectControl, fetchDirectory, registerUser } from '@overcall/net';
import { attachProof, type TestUser } from '@overcall/overlay/testing';
import { type ClientMessage, type SupernodeMessage, toBase64Url } from '@overcall/wire';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import type { Supernode, SupernodeOptions } from './options.ts';
import { startSupernode } from './supernode.ts';

/** A directory, any number of supernodes and softphones in this process, with real sockets on loopback. */
export class TestNetwork {
  readonly folder: string;
  readonly directory: RunningDirectory;
  readonly supernodes: Supernode[] = [];
  readonly closers: (() => unknown)[] = [];

  private constructor(folder: string, directory: RunningDirectory) {
    this.folder = folder;
    this.directory = directory;
  }

  static async start(): Promise<TestNetwork> {
    const folder = mkdtempSync(join(tmpdir(), 'overcall-network-'));
    return new TestNetwork(
      folder,
      await startDirectory({ listen: '127.0.0.1:0', dataDir: join(folder, 'directory') }),
    );
  }

  async close(): Promise<void> {
    for (const close of this.closers.splice(0)) await close();
    await Promise.all(this.supernodes.map((supernode) => supernode.close()));
    await this.directory.close();
    rmSync(this.folder, { recursive: true });
  }

  async supernode(name: string, changes: Partial<SupernodeOptions> = {}): Promise<Supernode> {
    const supernode = await startSupernode({
      directory: this.directory.pinnedUrl,
      listen: ['127.0.0.1:0'],
      publicAddresses: ['127.0.0.1'],
      name,
      dataDirectory: join(this.folder, name),
      allowNets: ['127.0.0.0/8'],
      ...changes,
    });
    this.supernodes.push(supernode);
    return supernode;
  }

  async phone(name: string, at: Supernode): Promise<Phone> {
    const phone = new Phone(await this.#register(name));
    await phone.attach(at);
    this.closers.push(() => phone.close());
    return phone;
  }

  user(name: string): Promise<TestUser> {
    return this.#register(name);
  }

  async #register(name: string): Promise<TestUser> {
    const known = await fetchDirectory(this.directory.url);
    const [identity, deviceKey] = [await generateSigningKey(), await generateSigningKey()];
    const agreement = await generateAgreementKey();
    const nowMs = Date.now();
    const claims = { sub: name, cnf: { jwk: publicKeyOf(identity) }, nonce: await challenge(known) };
    const options = { audience: known.keyId, nowMs, lifetimeS: 300 };
    const registration = await signObject(Registration, claims, identity, options);
    const device = { key: publicKeyOf(deviceKey), agreementKey: agreement.x };
    const chain = {
      user: await registerUser(known, registration),
      device: await issueDeviceCertificate(device, identity, { directoryKeyId: known.keyId, nowMs }),
    };
    const [identityId, deviceId] = [await keyIdOf(identity), await keyIdOf(deviceKey)];
    return { name, identityId, deviceId, deviceKey, chain, endpoint: toBase64Url(randomBytes(16)) };
  }
}

/** What arrives, in order; `next` waits for the first that fits and drops what came before it. */
export class Inbox<T> {
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

/** A softphone's control connection. */
export class Phone {
  readonly user: TestUser;
  readonly inbox = new Inbox<SupernodeMessage>();
  send: (message: ClientMessage) => void = () => {};
  close: () => void = () => {};

  constructor(user: TestUser) {
    this.user = user;
  }

  /** As a signal's `to`. */
  get endpoint(): { device: string; endpoint: string } {
    return { device: this.user.deviceId, endpoint: this.user.endpoint };
  }

  next<T extends SupernodeMessage['t']>(t: T): Promise<Extract<SupernodeMessage, { t: T }>> {
    return this.inbox.next(isType(t));
  }

  async attach(supernode: Supernode): Promise<void> {
    await this.ask(supernode);
    await this.next('attached');
  }

  /** Sends its attach. */
  async ask(supernode: Supernode): Promise<void> {
    const { tlsSha256 } = supernode.status();
    const link = await connectControl(
      { address: supernode.control[0]!, tlsSha256: [tlsSha256] },
      { onMessage: (message) => this.inbox.push(message), onClose: () => {} },
    );
    this.close = () => link.close();
    this.send = (message) => link.send(message);
    const hello = await this.next('hello');
    const proof = await attachProof(this.user, hello.supernode, hello.nonce, Date.now());
    this.send({ t: 'attach', chain: this.user.chain, proof });
  }
}
