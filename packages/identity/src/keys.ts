import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import Type, { type Static } from 'typebox';

/** 32 bytes in their only base64url form: four bits are left for the last character, so that one key has one id. */
const KeyBytes = Type.String({ pattern: '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$' });

/** Ed25519 public key as a JWK (RFC 8037). */
export const SigningPublicKey = Type.Object({
  kty: Type.Literal('OKP'),
  crv: Type.Literal('Ed25519'),
  x: KeyBytes,
});
export type SigningPublicKey = Static<typeof SigningPublicKey>;

export const SigningPrivateKey = Type.Object({
  kty: Type.Literal('OKP'),
  crv: Type.Literal('Ed25519'),
  x: KeyBytes,
  d: KeyBytes,
});
export type SigningPrivateKey = Static<typeof SigningPrivateKey>;

/** X25519 key pair as a JWK (RFC 8037): the static key of a device in the Noise handshake. */
export const AgreementPrivateKey = Type.Object({
  kty: Type.Literal('OKP'),
  crv: Type.Literal('X25519'),
  x: KeyBytes,
  d: KeyBytes,
});
export type AgreementPrivateKey = Static<typeof AgreementPrivateKey>;

/** RFC 7638 thumbprint with SHA-256, base64url, 43 characters: the name of a key everywhere. */
export type KeyId = string;

export async function generateSigningKey(): Promise<SigningPrivateKey> {
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const { x, d } = await exportJWK(privateKey);
  return { kty: 'OKP', crv: 'Ed25519', x: x!, d: d! };
}

export async function generateAgreementKey(): Promise<AgreementPrivateKey> {
  const { privateKey } = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true });
  const { x, d } = await exportJWK(privateKey);
  return { kty: 'OKP', crv: 'X25519', x: x!, d: d! };
}

/** The public half; drops `d` and any other member. */
export function publicKeyOf(key: SigningPublicKey | SigningPrivateKey): SigningPublicKey {
  return { kty: 'OKP', crv: 'Ed25519', x: key.x };
}

/** The public key whose 32 bytes are `x` (base64url), as in `URL#KEY`. */
export function signingPublicKey(x: string): SigningPublicKey {
  return { kty: 'OKP', crv: 'Ed25519', x };
}

export function keyIdOf(key: SigningPublicKey | SigningPrivateKey): Promise<KeyId> {
  return calculateJwkThumbprint(publicKeyOf(key), 'sha256');
}
