import Type from 'typebox';

/** Fields that several of the signed objects have. */

/** RFC 7638 thumbprint (SHA-256, base64url) of an Ed25519 key; or 32 random bytes. */
export const KeyIdSchema = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
/** 16 random bytes, base64url. */
export const IdSchema = Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' });
/** A challenge of the directory. */
export const Nonce = Type.String({ pattern: '^[A-Za-z0-9_-]{16,256}$' });
