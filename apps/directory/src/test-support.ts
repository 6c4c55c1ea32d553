import {
  AttachReceipt,
  DeviceRevocation,
  DirectoryLookup,
  generateAgreementKey,
  generateSigningKey,
  issueDeviceCertificate,
  keyIdOf,
  publicKeyOf,
  Registration,
  type SignedKind,
  type SigningPrivateKey,
  SupernodeAdmission,
  SupernodeDeparture,
  type SupernodeEntry,
  SupernodeList,
  signObject,
  verifyObject,
} from '@overcall/identity';
import type { Static, TObject } from 'typebox';
import { type DirectoryOptions, type RunningDirectory, startDirectory } from './start.ts';

export const START_MS = 1_800_000_000_000;

/** A directory whose clock stands until a test moves it, and what users and supernodes say to it. */
export class TestDirectory {
  readonly directory: RunningDirectory;
  readonly clock: { nowMs: number };
  /** Where requests come from. */
  remoteAddress = '127.0.0.1';

  constructor(directory: RunningDirectory, clock: { nowMs: number }) {
    this.directory = directory;
    this.clock = clock;
  }

  static async start(options: DirectoryOptions = {}, nowMs = START_MS): Promise<TestDirectory> {
    const clock = { nowMs };
    return new TestDirectory(
      await startDirectory({ now: () => clock.nowMs, dialBack: false, ...options }),
      clock,
    );
  }

  close(): Promise<void> {
    return this.directory.close();
  }

  async request(method: 'GET' | 'POST', url: string, payload?: object, headers: Record<string, string> = {}) {
    const { remoteAddress } = this;
    const answer = await this.directory.app.inject({
      method,
      url,
      headers,
      remoteAddress,
      ...(payload && { payload }),
    });
    const body = answer.body === '' ? null : (JSON.parse(answer.body) as Record<string, unknown>);
    return { status: answer.statusCode, body, code: body?.code, headers: answer.headers };
  }

  async nonce(): Promise<string> {
    return (await this.request('POST', '/v1/challenges')).body?.nonce as string;
  }

  sign<Claims extends TObject>(
    kind: SignedKind<Claims>,
    claims: Static<Claims>,
    key: SigningPrivateKey,
    options: { audience?: string; nowMs?: number; lifetimeS?: number } = {},
  ): Promise<string> {
    return signObject(kind, claims, key, {
      audience: this.directory.keyId,
      nowMs: this.clock.nowMs,
      lifetimeS: 300,
      ...options,
    });
  }

  async register(name: string, key: SigningPrivateKey, invite?: string) {
    const claims = { sub: name, cnf: { jwk: publicKeyOf(key) }, nonce: await this.nonce() };
    const registration = await this.sign(
      Registration,
      invite === undefined ? claims : { ...claims, invite },
      key,
    );
    return this.request('POST', '/v1/users', { registration });
  }

  /** A registered user with one device. */
  async user(name: string): Promise<TestUser> {
    const [identity, device] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    const { body } = await this.register(name, identity);
    const subject = { key: publicKeyOf(device), agreementKey: (await generateAgreementKey()).x };
    const options = { directoryKeyId: this.directory.keyId, nowMs: this.clock.nowMs };
    const chain = {
      user: body?.certificate as string,
      device: await issueDeviceCertificate(subject, identity, options),
    };
    return { name, identity, device, deviceId: await keyIdOf(device), chain };
  }

  async admit(key: SigningPrivateKey, entry: Partial<SupernodeEntry> = {}, invite?: string) {
    const nonce = await this.nonce();
    const claims = { entry: entryOf(key, entry), nonce, ...(invite === undefined ? {} : { invite }) };
    const admission = await this.sign(SupernodeAdmission, claims, key);
    return this.request('POST', '/v1/supernodes', { admission });
  }

  async depart(key: SigningPrivateKey) {
    const claims = { cnf: { jwk: publicKeyOf(key) }, nonce: await this.nonce() };
    const departure = await this.sign(SupernodeDeparture, claims, key);
    return this.request('POST', '/v1/departures', { departure });
  }

  async receipt(supernode: SigningPrivateKey, user: TestUser, claims: object = {}): Promise<string> {
    const said = { iss: await keyIdOf(supernode), name: user.name, device: user.deviceId };
    const rest = { endpoint: 'e'.repeat(22), clientNonce: 'n'.repeat(22), version: 1 };
    return this.sign(AttachReceipt, { ...said, ...rest, ...claims }, supernode);
  }

  async lookUp(asker: TestUser, receipt: string, name: string) {
    const lookup = await this.sign(DirectoryLookup, { name, nonce: await this.nonce() }, asker.device);
    return this.request('POST', '/v1/lookups', { lookup, chain: asker.chain, receipt });
  }

  async revoke(user: { name: string; identity: SigningPrivateKey }, device: string) {
    const claims = { sub: user.name, device, nonce: await this.nonce() };
    const revocation = await this.sign(DeviceRevocation, claims, user.identity);
    return this.request('POST', '/v1/revocations', { revocation });
  }

  /** The supernode list, checked as its readers check it. */
  async list(token?: unknown) {
    const list = token ?? (await this.request('GET', '/v1/supernodes')).body?.list;
    const options = { audience: this.directory.keyId, nowMs: this.clock.nowMs };
    return verifyObject(SupernodeList, list as string, this.directory.key, options);
  }
}

export interface TestUser {
  name: string;
  identity: SigningPrivateKey;
  device: SigningPrivateKey;
  deviceId: string;
  chain: { user: string; device: string };
}

export function entryOf(key: SigningPrivateKey, entry: Partial<SupernodeEntry> = {}): SupernodeEntry {
  return {
    name: 'sn1',
    key: publicKeyOf(key),
    udp: ['192.0.2.1:3478'],
    control: ['192.0.2.1:443'],
    tlsSha256: ['ab'.repeat(32)],
    ...entry,
  };
}
