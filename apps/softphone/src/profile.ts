import { existsSync } from 'node:fs';
import {
  AgreementPrivateKey,
  DeviceRevocation,
  generateAgreementKey,
  generateSigningKey,
  issueDeviceCertificate,
  keyIdOf,
  peekClaims,
  publicKeyOf,
  Registration,
  SigningPrivateKey,
  STATEMENT_LIFETIME_S,
  signObject,
  UserCertificate,
  verifyChain,
} from '@overcall/identity';
import { challenge, KnownDirectory, registerUser, revoke, trustOf } from '@overcall/net';
import { CertificateChain, OvercallError } from '@overcall/wire';
import Type, { type Static } from 'typebox';
import { type Home, readState, removeIfEmpty, removeState, writeState } from './home.ts';

/** Who this softphone is: keys, name, certificates, and the directory that issued them. */
const Keys = Type.Object({
  identity: SigningPrivateKey,
  device: SigningPrivateKey,
  agreement: AgreementPrivateKey,
});
export type Keys = Static<typeof Keys>;

const Account = Type.Object({
  name: Type.String({ minLength: 1 }),
  directory: KnownDirectory,
  chain: CertificateChain,
});

export interface Profile {
  keys: Keys;
  name: string;
  directory: KnownDirectory;
  chain: CertificateChain;
  /** When the certificates run out, ms since 1970. */
  expiresAt: number;
  deviceId: string;
  identityKeyId: string;
}

const KEYS_FILE = 'keys.json';
const ACCOUNT_FILE = 'account.json';
/** Certificates are renewed when less of their life is left, ms: a third of the 30 days. */
const RENEW_BEFORE_MS = 10 * 86_400_000;

function readKeys(home: Home): Keys | null {
  return readState(home, KEYS_FILE, Keys, true);
}

/** The directory remembered from registering; null before. */
export function readAccount(home: Home): Static<typeof Account> | null {
  return readState(home, ACCOUNT_FILE, Account);
}

/**
 * Loads what `register` stored. Expired certificates do not stop it: see {@link renewIfNeeded}.
 * @throws OvercallError `not-registered`, `key-file-open`, `state-damaged`
 */
export async function loadProfile(home: Home): Promise<Profile> {
  const account = readAccount(home);
  const keys = readKeys(home);
  if (account === null || keys === null) {
    throw new OvercallError('not-registered', 'not registered yet');
  }
  return completeProfile(keys, account);
}

async function completeProfile(keys: Keys, account: Static<typeof Account>): Promise<Profile> {
  // Checked as of its own date: an expired one can still be renewed.
  const issuedAtS = peekClaims(UserCertificate, account.chain.user)?.iat ?? 0;
  const certified = await verifyChain(account.chain, trustOf(account.directory), issuedAtS * 1000);
  const deviceId = await keyIdOf(keys.device);
  if (certified.deviceId !== deviceId || certified.identityKey.x !== keys.identity.x) {
    throw new OvercallError('state-damaged', 'the stored certificates belong to other keys', {
      remedy: 'get new ones: overcall register NAME',
    });
  }
  return {
    keys,
    ...account,
    expiresAt: certified.expiresAt,
    deviceId,
    identityKeyId: certified.identityKeyId,
  };
}

/** After these answers of a directory there is no certificate for the keys that were shown to it. */
const REFUSALS: ReadonlySet<unknown> = new Set([
  ...['username-invalid', 'name-taken', 'key-taken', 'rate-limited'],
  ...['registration-closed', 'invite-needed', 'invite-invalid'],
]);

/**
 * Keeps keys before the directory hears of them: a certificate for lost keys would take the name for ever. Returns how to
 * leave things as they were.
 */
function keepNew(home: Home, keys: Keys): () => void {
  const hadHome = existsSync(home.dataDir);
  writeState(home, KEYS_FILE, keys);
  return () => {
    removeState(home, KEYS_FILE);
    if (!hadHome) removeIfEmpty(home);
  };
}

/** Makes keys if there are none, proves possession to the directory and stores the certificates. */
export async function register(
  home: Home,
  name: string,
  directory: KnownDirectory,
  options: { invite?: string | undefined; nowMs: number },
): Promise<Profile> {
  const existing = readAccount(home);
  if (existing !== null && existing.directory.keyId === directory.keyId && existing.name !== name) {
    throw new OvercallError('already-registered', `this home is registered as ${existing.name}`);
  }
  if (existing !== null && existing.directory.keyId !== directory.keyId) {
    throw new OvercallError(
      'certificate-wrong-directory',
      `this home is registered with ${existing.directory.url}, another directory`,
    );
  }
  const kept = readKeys(home);
  const keys = kept ?? (await makeKeys());
  const nonce = await challenge(directory);
  const forget = kept === null ? keepNew(home, keys) : () => {};
  const chain = await obtainChain(keys, name, directory, { ...options, nonce })
    .catch(async (error) => {
      // It was there a moment ago: the answer got lost. Who is registered already, by this very request, is so once more.
      if (error.code !== 'directory-unreachable') throw error;
      return obtainChain(keys, name, directory, { ...options, nonce: await challenge(directory) });
    })
    .catch((error) => {
      if (REFUSALS.has(error.code)) forget();
      throw error;
    });
  const account = { name, directory, chain };
  const profile = await completeProfile(keys, account);
  writeState(home, ACCOUNT_FILE, account);
  return profile;
}

/**
 * Takes over an identity that was made elsewhere, with a new device key. Kept before the directory hears of it.
 * @throws OvercallError `already-registered` when this home has keys of another identity
 */
export async function adoptIdentity(home: Home, identity: Keys['identity']): Promise<void> {
  const existing = readKeys(home);
  if (existing !== null && existing.identity.x !== identity.x) {
    throw new OvercallError('already-registered', 'this home has keys of its own', {
      remedy: 'use another --home',
    });
  }
  if (existing === null) writeState(home, KEYS_FILE, await makeKeys(identity));
}

/** Says to the directory that a device is not ours any more: from the next supernode list on nobody accepts it. */
export async function revokeDevice(profile: Profile, device: string, nowMs: number): Promise<void> {
  const { directory } = profile;
  const claims = { sub: profile.name, device, nonce: await challenge(directory) };
  const signing = { audience: directory.keyId, nowMs, lifetimeS: STATEMENT_LIFETIME_S };
  await revoke(directory, await signObject(DeviceRevocation, claims, profile.keys.identity, signing));
}

async function makeKeys(identity?: Keys['identity']): Promise<Keys> {
  return {
    identity: identity ?? (await generateSigningKey()),
    device: await generateSigningKey(),
    agreement: await generateAgreementKey(),
  };
}

async function obtainChain(
  keys: Keys,
  name: string,
  directory: KnownDirectory,
  options: { invite?: string | undefined; nowMs: number; nonce: string },
): Promise<CertificateChain> {
  const claims = {
    sub: name,
    cnf: { jwk: publicKeyOf(keys.identity) },
    nonce: options.nonce,
    ...(options.invite === undefined ? {} : { invite: options.invite }),
  };
  const signing = { audience: directory.keyId, nowMs: options.nowMs, lifetimeS: STATEMENT_LIFETIME_S };
  const registration = await signObject(Registration, claims, keys.identity, signing);
  const user = await registerUser(directory, registration);
  const device = await issueDeviceCertificate(
    { key: publicKeyOf(keys.device), agreementKey: keys.agreement.x },
    keys.identity,
    { directoryKeyId: directory.keyId, nowMs: options.nowMs },
  );
  return { user, device };
}

/**
 * Renews the certificates when they run out soon. While the directory cannot be reached a valid one stays in use.
 * @throws OvercallError `certificate-expired` when it has run out and cannot be renewed
 */
export async function renewIfNeeded(home: Home, profile: Profile, nowMs: number): Promise<Profile> {
  if (profile.expiresAt - nowMs > RENEW_BEFORE_MS) return profile;
  try {
    return await register(home, profile.name, profile.directory, { nowMs });
  } catch (cause) {
    if (profile.expiresAt > nowMs) return profile;
    throw new OvercallError(
      'certificate-expired',
      `the certificate of ${profile.name} has expired and could not be renewed: ${(cause as Error).message}`,
      { cause },
    );
  }
}
