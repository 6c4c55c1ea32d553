import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  AttachReceipt,
  type CertifiedDevice,
  canonicalUsername,
  DeviceRevocation,
  DirectoryLookup,
  issueUserCertificate,
  keyIdOf,
  peekClaims,
  publicKeyOf,
  Registration,
  type SignedKind,
  type SigningPublicKey,
  SupernodeAdmission,
  SupernodeDeparture,
  type SupernodeEntry,
  usernameSkeleton,
  verifyChain,
  verifyObject,
} from '@overcall/identity';
import type { CertificateChain } from '@overcall/wire';
import type { TObject } from 'typebox';
import { refusal } from './api-error.ts';
import type { ChallengeBook } from './challenges.ts';
import type { DialBackDesk, DialBackEvidence, DialBackTask } from './dial-back-desk.ts';
import type { ListGrowth } from './list-growth.ts';
import type { ListPublisher, Signer } from './list-publisher.ts';
import type { RequestLimiter } from './request-limiter.ts';
import type { PublishedList, Store, StoredSupernode, User } from './store.ts';
import { type AdmissionMode, admissionStatus, knownMembers } from './supernode-policy.ts';

export type RegistrationMode = 'open' | 'invite' | 'closed';

export interface RegistryDeps {
  store: Store;
  signer: Signer;
  challenges: ChallengeBook;
  publisher: ListPublisher;
  userLimiter: RequestLimiter;
  growth: ListGrowth;
  registration: RegistrationMode;
  admission: AdmissionMode;
  /** Null where nobody is to be tried by others. */
  dialBack: DialBackDesk | null;
  certificateLifetimeS: number;
  now: () => number;
}

/** Certificates of other users are for looking at, and no way round renewing: they last a day at most. */
const LOOKUP_CERTIFICATE_LIFETIME_S = 86_400;
/** Bounds on what one user, and all of them, can add to a list that everybody fetches (SupernodeList's schema). */
const REVOCATION_LIMITS = { perUser: 32, total: 50_000 };
const MAX_SUPERNODES = 10_000;

/** SHA-256 of an invite code, hex. */
export function inviteHash(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}

/**
 * Every decision of the directory. A method either does what was asked, durably, or throws an OvercallError with
 * a code of api-error.ts. Challenges are spent last, when nothing else speaks against the request.
 */
export class Registry {
  readonly #deps: RegistryDeps;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  /** Registers a new user, or renews the certificate of one who is known. */
  async register(token: string): Promise<{ certificate: string; isNew: boolean }> {
    const key = peek(Registration, token).cnf.jwk;
    const claims = await this.#verify(Registration, token, key);
    const name = canonicalUsername(claims.sub);
    await this.#deps.challenges.spend(claims.nonce);
    const user: User = {
      name,
      skeleton: usernameSkeleton(name),
      key: publicKeyOf(key),
      keyId: await keyIdOf(key),
      createdAtMs: this.#deps.now(),
    };
    const isNew = await this.#isNew(user, claims.invite);
    const certificate = await this.#certificate(user, this.#deps.certificateLifetimeS);
    return { certificate, isNew };
  }

  /** Adds the user if that is allowed; false when the same name and key are registered already. */
  async #isNew(user: User, invite: string | undefined): Promise<boolean> {
    const { store, registration } = this.#deps;
    const known = await store.userByName(user.name);
    if (known?.keyId === user.keyId) return false;
    if (known !== null) throw nameTaken(user.name);
    if (registration === 'closed') throw refusal('registration-closed', 'this directory takes no new users');
    if (registration === 'invite' && invite === undefined) {
      throw refusal('invite-needed', 'this directory takes new users with an invite only');
    }
    const hash = registration === 'invite' ? inviteHash(invite!) : null;
    switch (await store.addUser(user, hash)) {
      case 'added':
        return true;
      case 'known':
        return false;
      case 'name-taken':
        throw nameTaken(user.name);
      case 'name-alike':
        throw refusal('name-taken', `"${user.name}" looks like a name that is taken`);
      case 'key-taken':
        throw refusal('key-taken', 'this identity key is registered under another name');
      case 'invite-invalid':
        throw inviteInvalid();
    }
  }

  /** Who is that user? Only for devices that are attached to a supernode of this directory. */
  async lookUp(request: { lookup: string; chain: CertificateChain; receipt: string }): Promise<{
    name: string;
    identityKey: SigningPublicKey;
    certificate: string;
  }> {
    const asker = await this.#attachedDevice(request.chain, request.receipt);
    const claims = await this.#verify(DirectoryLookup, request.lookup, asker.deviceKey);
    const name = canonicalUsername(claims.name);
    await this.#deps.challenges.spend(claims.nonce);
    this.#deps.userLimiter.count(asker.identityKeyId);
    const user = await this.#deps.store.userByName(name);
    if (user === null) throw refusal('unknown-user', `nobody is registered as "${name}"`);
    const lifetimeS = Math.min(this.#deps.certificateLifetimeS, LOOKUP_CERTIFICATE_LIFETIME_S);
    return { name, identityKey: user.key, certificate: await this.#certificate(user, lifetimeS) };
  }

  async #attachedDevice(chain: CertificateChain, receipt: string): Promise<CertifiedDevice> {
    const { signer, now, store } = this.#deps;
    const trust = { key: publicKeyOf(signer.key), keyId: signer.keyId };
    const device = await verifyChain(chain, trust, now());
    if (await store.isRevoked({ identity: device.identityKeyId, device: device.deviceId })) {
      throw refusal('device-revoked', 'this device was revoked by its user');
    }
    const notAttached = refusal(
      'not-attached',
      'only users who are attached to a supernode can look others up',
    );
    const supernode = await store.supernode(peekClaims(AttachReceipt, receipt)?.iss ?? '');
    if (supernode?.status !== 'admitted') throw notAttached;
    const claims = await this.#verify(AttachReceipt, receipt, supernode.entry.key).catch(() => null);
    if (claims?.device !== device.deviceId || claims.name !== device.name) throw notAttached;
    return device;
  }

  /** `address` is where the request came from. */
  async revokeDevice(token: string, address: string): Promise<PublishedList> {
    const { store, challenges, userLimiter, growth, now } = this.#deps;
    const user = await store.userByName(canonicalUsername(peek(DeviceRevocation, token).sub));
    if (user === null)
      throw refusal('signature-invalid', 'not signed by the identity key of a registered user');
    const claims = await this.#verify(DeviceRevocation, token, user.key);
    await challenges.spend(claims.nonce);
    userLimiter.count(user.keyId);
    const device = { identity: user.keyId, device: claims.device };
    if (!(await store.isRevoked(device))) growth.countRevocation(address);
    if ((await store.revoke(device, now(), REVOCATION_LIMITS)) === 'full') throw listFull('devices');
    return this.#deps.publisher.current();
  }

  /**
   * `address` is where the request came from. Without evidence, an entry that is new gets a task: others have to reach it
   * first.
   */
  async admitSupernode(
    { admission: token, evidence }: { admission: string; evidence: DialBackEvidence | null },
    address: string,
  ): Promise<{ list: PublishedList } | { task: DialBackTask }> {
    const { store, challenges, admission, growth, now, dialBack } = this.#deps;
    const { key } = peek(SupernodeAdmission, token).entry;
    const claims = await this.#verify(SupernodeAdmission, token, key);
    const keyId = await keyIdOf(key);
    const before = await store.supernode(keyId);
    const wanted = admissionStatus(claims.entry, before, admission);
    const askedAtMs = await challenges.spend(claims.nonce);
    if (before?.status === 'left' && askedAtMs < before.updatedAtMs) throw departedMeanwhile();
    if (before === null && (await store.supernodes()).length >= MAX_SUPERNODES) throw listFull('supernodes');
    const entry = knownMembers(claims.entry);
    const isChange = before === null || before.status === 'left' || !isDeepStrictEqual(before.entry, entry);
    if (wanted === 'invite-needed') await this.#requireInvite(claims.invite);
    if (dialBack !== null && !wasReached(before, entry)) {
      if (evidence !== null) await dialBack.check(keyId, entry, evidence);
      const task = evidence === null ? await dialBack.open(keyId, entry) : null;
      if (task !== null) return { task };
    }
    if (isChange) growth.countSupernode(address);
    if (wanted === 'invite-needed') {
      const hash = inviteHash(claims.invite!);
      if (!(await store.useInvite(hash, 'supernode', keyId, now()))) throw inviteInvalid();
    }
    const status = wanted === 'invite-needed' ? 'admitted' : wanted;
    await store.putSupernode({ keyId, entry, status, updatedAtMs: now() });
    if (status === 'pending') {
      const approve = `overcall-directory supernodes approve ${keyId}`;
      throw refusal('approval-needed', `waiting for the operator of the directory: ${approve}`);
    }
    return { list: await this.#deps.publisher.current() };
  }

  async #requireInvite(invite: string | undefined): Promise<void> {
    if (invite === undefined) {
      throw refusal('invite-needed', 'this directory takes new supernodes with an invite only');
    }
    const isGood = await this.#deps.store.isInviteGood(inviteHash(invite), 'supernode', this.#deps.now());
    if (!isGood) throw inviteInvalid();
  }

  /** A supernode goes; who is not in the list has gone already. */
  async departSupernode(token: string): Promise<PublishedList> {
    const { store, challenges, publisher, now } = this.#deps;
    const { jwk } = peek(SupernodeDeparture, token).cnf;
    const { nonce } = await this.#verify(SupernodeDeparture, token, jwk);
    await challenges.spend(nonce);
    const before = await store.supernode(await keyIdOf(jwk));
    if (before?.status === 'admitted' || before?.status === 'left')
      await store.putSupernode({ ...before, status: 'left', updatedAtMs: now() });
    return publisher.current();
  }

  #verify<Claims extends TObject>(kind: SignedKind<Claims>, token: string, key: SigningPublicKey) {
    return verifyObject(kind, token, key, { audience: this.#deps.signer.keyId, nowMs: this.#deps.now() });
  }

  #certificate(user: User, lifetimeS: number): Promise<string> {
    const { signer, now } = this.#deps;
    const options = { directoryKeyId: signer.keyId, nowMs: now(), lifetimeS };
    return issueUserCertificate(user.name, user.key, signer.key, options);
  }
}

function peek<Claims extends TObject>(kind: SignedKind<Claims>, token: string) {
  const claims = peekClaims(kind, token);
  if (claims === null) throw refusal('signature-invalid', `not a well-formed ${kind.typ}`);
  return claims;
}

function inviteInvalid() {
  return refusal('invite-invalid', 'the invite is wrong, expired or used');
}

/** It was under way when its supernode departed, which is the later word. */
function departedMeanwhile() {
  return refusal('nonce-invalid', 'the supernode has departed since it asked for this challenge');
}

/** Whether others reached these addresses when it was admitted, or began to wait for the operator. */
function wasReached(before: StoredSupernode | null, entry: SupernodeEntry): boolean {
  if (before?.status !== 'admitted' && before?.status !== 'pending') return false;
  const { udp, control, tlsSha256 } = before.entry;
  return isDeepStrictEqual(
    { udp, control, tlsSha256 },
    { udp: entry.udp, control: entry.control, tlsSha256: entry.tlsSha256 },
  );
}

function nameTaken(name: string) {
  return refusal('name-taken', `"${name}" is taken`);
}

function listFull(what: string) {
  return refusal('list-full', `the list of ${what} is full`);
}
