import Type from 'typebox';
import { SigningPublicKey } from './keys.ts';
import { signedKind } from './signed.ts';
import { KeyIdSchema, Nonce } from './statement-fields.ts';

/**
 * What users and supernodes sign for the directory. `aud` is always the directory's key id and `nonce` a fresh
 * challenge of it, so that none can be used twice or elsewhere.
 */

/** Signed by the identity key it names: proof of possession. Also used to renew a certificate. */
export const Registration = signedKind(
  'registration',
  Type.Object({
    sub: Type.String({ minLength: 1, maxLength: 64 }),
    cnf: Type.Object({ jwk: SigningPublicKey }),
    nonce: Nonce,
    invite: Type.Optional(Type.String({ maxLength: 128 })),
  }),
);

/** Signed by the identity key: this device is not mine any more. */
export const DeviceRevocation = signedKind(
  'device-revocation',
  Type.Object({ sub: Type.String({ minLength: 1, maxLength: 64 }), device: KeyIdSchema, nonce: Nonce }),
);

/** Signed by a device of an attached user: who is `name`? */
export const DirectoryLookup = signedKind(
  'directory-lookup',
  Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }), nonce: Nonce }),
);

/** The directory about itself, signed by its key: lets a pinned key vouch for a self-signed TLS certificate. */
export const DirectoryStatement = signedKind(
  'directory',
  Type.Object({
    cnf: Type.Object({ jwk: SigningPublicKey }),
    registration: Type.Union([Type.Literal('open'), Type.Literal('invite'), Type.Literal('closed')]),
    /** SHA-256 of its TLS certificate (DER), hex; absent without TLS or with a certificate of a CA. */
    tlsSha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  }),
);

/** Lifetime of statements that answer a challenge, seconds. */
export const STATEMENT_LIFETIME_S = 300;
