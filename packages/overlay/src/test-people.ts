import {
  ATTACH_PROOF_LIFETIME_S,
  AttachProof,
  type DirectoryTrust,
  directoryTrust,
  generateAgreementKey,
  generateSigningKey,
  issueDeviceCertificate,
  issueUserCertificate,
  keyIdOf,
  PRESENCE_LIFETIME_S,
  PresenceRecord,
  publicKeyOf,
  type SigningPrivateKey,
  signObject,
} from '@overcall/identity';
import { type CertificateChain, toBase64Url } from '@overcall/wire';

/** Users with real certificates, for the tests of this package and of the supernode. */
export interface TestDirectory {
  key: SigningPrivateKey;
  trust: DirectoryTrust;
}

export interface TestUser {
  name: string;
  identityId: string;
  deviceId: string;
  deviceKey: SigningPrivateKey;
  chain: CertificateChain;
  endpoint: string;
}

export async function testDirectory(): Promise<TestDirectory> {
  const key = await generateSigningKey();
  return { key, trust: await directoryTrust(publicKeyOf(key)) };
}

let endpoints = 0;

export async function testUser(name: string, directory: TestDirectory, nowMs: number): Promise<TestUser> {
  const identity = await generateSigningKey();
  const deviceKey = await generateSigningKey();
  const agreement = await generateAgreementKey();
  const options = { directoryKeyId: directory.trust.keyId, nowMs };
  const chain = {
    user: await issueUserCertificate(name, publicKeyOf(identity), directory.key, options),
    device: await issueDeviceCertificate(
      { key: publicKeyOf(deviceKey), agreementKey: agreement.x },
      identity,
      options,
    ),
  };
  const endpoint = toBase64Url(new Uint8Array(16).fill(++endpoints));
  const [identityId, deviceId] = [await keyIdOf(identity), await keyIdOf(deviceKey)];
  return { name, identityId, deviceId, deviceKey, chain, endpoint };
}

export function attachProof(
  user: TestUser,
  supernode: string,
  serverNonce: string,
  nowMs: number,
  versions = [1],
): Promise<string> {
  const claims = {
    label: 'overcall attach' as const,
    versions,
    serverNonce,
    clientNonce: toBase64Url(new Uint8Array(16).fill(9)),
    endpoint: user.endpoint,
  };
  return signObject(AttachProof, claims, user.deviceKey, {
    audience: supernode,
    nowMs,
    lifetimeS: ATTACH_PROOF_LIFETIME_S,
  });
}

export function presenceRecord(
  user: TestUser,
  directory: { trust: DirectoryTrust } | { keyId: string },
  supernode: string,
  nowMs: number,
  changes: { seq?: number; accepts?: boolean; name?: string } = {},
  lifetimeS = PRESENCE_LIFETIME_S,
): Promise<string> {
  const claims = {
    name: user.name,
    device: user.deviceId,
    endpoint: user.endpoint,
    supernodes: [supernode],
    seq: 1,
    accepts: true,
    versions: [1],
    ...changes,
  };
  return signObject(PresenceRecord, claims, user.deviceKey, {
    audience: 'trust' in directory ? directory.trust.keyId : directory.keyId,
    nowMs,
    lifetimeS,
  });
}
