import Type, { type Static } from 'typebox';

/** Fields that control messages (control.ts) and those between supernodes (link.ts) are made of. */
export const Base64Url = Type.String({ pattern: '^[A-Za-z0-9_-]*$', maxLength: 32_768 });
/** RFC 7638 thumbprint (SHA-256, base64url) of an Ed25519 key. */
export const KeyId = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
/** 16 random bytes, base64url. */
export const Id = Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' });
export const Jws = Type.String({
  pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$',
  maxLength: 65_536,
});
export const Name = Type.String({ minLength: 1, maxLength: 64 });
export const FlowId = Type.Integer({ minimum: 0, maximum: 0xffffffff });
export const RequestId = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** Goes into logs and error lines: nothing in it can move a cursor. */
export const Code = Type.String({ pattern: '^[a-z0-9-]*$', maxLength: 64 });
/** Of a signed supernode list: it only grows. */
export const ListVersion = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

/** The user's certificate (signed by the directory) and the device's (signed by the user's identity key). */
export const CertificateChain = Type.Object({ user: Jws, device: Jws });
export type CertificateChain = Static<typeof CertificateChain>;

/** One attached softphone process: a device may have several. */
export const Endpoint = Type.Object({ device: KeyId, endpoint: Id });
export type Endpoint = Static<typeof Endpoint>;

/** Most supernodes between two softphones. */
export const MAX_HOPS = 3;
/** Supernodes that follow on a way. */
export const Hops = Type.Array(KeyId, { minItems: 1, maxItems: MAX_HOPS - 1 });

/** One direction of a link between two supernodes: from, to (places in a list), round trip in ms, loss in percent. */
export const MeasuredLink = Type.Tuple([
  Type.Integer({ minimum: 0, maximum: 15 }),
  Type.Integer({ minimum: 0, maximum: 15 }),
  Type.Number({ minimum: 0, maximum: 60_000 }),
  Type.Number({ minimum: 0, maximum: 100 }),
]);

export type MeasuredLink = Static<typeof MeasuredLink>;

/** One direction of a link of a supernode to another: round trip in ms, loss in percent. */
export const LinkMeasurement = Type.Tuple([
  KeyId,
  Type.Number({ minimum: 0, maximum: 60_000 }),
  Type.Number({ minimum: 0, maximum: 100 }),
]);
