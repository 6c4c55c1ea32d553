import { type CertificateChain, OvercallError } from '@overcall/wire';
import Type from 'typebox';
import { type KeyId, keyIdOf, type SigningPrivateKey, SigningPublicKey } from './keys.ts';
import { peekClaims, signedKind, signObject, verifyObject } from './signed.ts';

/** Signed by the directory: this name belongs to this identity key. `aud` is the directory's key id. */
export const UserCertificate = signedKind(
  'user',
  Type.Object({
    sub: Type.String({ minLength: 1, maxLength: 64 }),
    /** RFC 7800 confirmation: the identity key. */
    cnf: Type.Object({ jwk: SigningPublicKey }),
  }),
);

/**
 * Signed by a user's identity key: this device may act for it. `sub` is the key id of the device's signing key,
 * `aud` the directory's key id.
 */
const DeviceCertificate = signedKind(
  'device',
  Type.Object({
    sub: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    cnf: Type.Object({ jwk: SigningPublicKey }),
    /** X25519 static key of the Noise handshake, 32 bytes base64url. */
    x25519: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  }),
);

export const USER_CERTIFICATE_LIFETIME_S = 30 * 86_400;
/** A device certificate is as good as the user certificate above it, so it may outlive many of them. */
const DEVICE_CERTIFICATE_LIFETIME_S = 5 * 365 * 86_400;

/** What a valid chain says. */
export interface CertifiedDevice {
  name: string;
  identityKey: SigningPublicKey;
  identityKeyId: KeyId;
  deviceKey: SigningPublicKey;
  deviceId: KeyId;
  /** X25519 public key, 32 bytes base64url. */
  agreementKey: string;
  /** The earlier of both expiries, ms since 1970. */
  expiresAt: number;
}

export interface DirectoryTrust {
  key: SigningPublicKey;
  keyId: KeyId;
}

export async function directoryTrust(key: SigningPublicKey): Promise<DirectoryTrust> {
  return { key, keyId: await keyIdOf(key) };
}

/**
 * Checks directory -> identity -> device.
 * @throws OvercallError `certificate-expired`, `certificate-early`, `certificate-wrong-directory` or `certificate-invalid`
 */
export async function verifyChain(
  chain: CertificateChain,
  directory: DirectoryTrust,
  nowMs: number,
): Promise<CertifiedDevice> {
  const options = { audience: directory.keyId, nowMs };
  try {
    // Another directory signs with another key: without this look it would only be "not validly signed".
    const claimed = peekClaims(UserCertificate, chain.user);
    if (claimed !== null && claimed.aud !== directory.keyId) {
      throw new OvercallError('signature-wrong-audience', 'the certificate names another directory');
    }
    const user = await verifyObject(UserCertificate, chain.user, directory.key, options);
    const device = await verifyObject(DeviceCertificate, chain.device, user.cnf.jwk, options);
    const deviceId = await keyIdOf(device.cnf.jwk);
    if (deviceId !== device.sub)
      throw new OvercallError('certificate-invalid', 'device certificate names another key');
    return {
      name: user.sub,
      identityKey: user.cnf.jwk,
      identityKeyId: await keyIdOf(user.cnf.jwk),
      deviceKey: device.cnf.jwk,
      deviceId,
      agreementKey: device.x25519,
      expiresAt: Math.min(user.exp, device.exp) * 1000,
    };
  } catch (cause) {
    throw asCertificateError(cause);
  }
}

function asCertificateError(cause: unknown): OvercallError {
  const code = cause instanceof OvercallError ? cause.code : '';
  if (code === 'signature-expired') {
    return new OvercallError('certificate-expired', 'certificate has expired', {
      cause,
    });
  }
  if (code === 'signature-early') {
    return new OvercallError('certificate-early', 'certificate is dated in the future', { cause });
  }
  if (code === 'signature-wrong-audience') {
    return new OvercallError('certificate-wrong-directory', 'certificate was issued by another directory', {
      cause,
    });
  }
  return new OvercallError('certificate-invalid', 'certificate is not valid for this directory', { cause });
}

export function issueUserCertificate(
  name: string,
  identityKey: SigningPublicKey,
  directoryKey: SigningPrivateKey,
  options: { directoryKeyId: KeyId; nowMs: number; lifetimeS?: number },
): Promise<string> {
  return signObject(UserCertificate, { sub: name, cnf: { jwk: identityKey } }, directoryKey, {
    audience: options.directoryKeyId,
    nowMs: options.nowMs,
    lifetimeS: options.lifetimeS ?? USER_CERTIFICATE_LIFETIME_S,
  });
}

export async function issueDeviceCertificate(
  device: { key: SigningPublicKey; agreementKey: string },
  identityKey: SigningPrivateKey,
  options: { directoryKeyId: KeyId; nowMs: number },
): Promise<string> {
  const claims = { sub: await keyIdOf(device.key), cnf: { jwk: device.key }, x25519: device.agreementKey };
  return signObject(DeviceCertificate, claims, identityKey, {
    audience: options.directoryKeyId,
    nowMs: options.nowMs,
    lifetimeS: DEVICE_CERTIFICATE_LIFETIME_S,
  });
}
