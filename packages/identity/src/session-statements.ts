import Type from 'typebox';
import { signedKind } from './signed.ts';
import { IdSchema, KeyIdSchema } from './statement-fields.ts';

/** What softphones and supernodes sign when they attach and announce themselves. */

/**
 * Signed by the device; `aud` is the supernode's identity key id and both nonces are inside, so a supernode
 * cannot pass a challenge on and log in elsewhere as this user.
 */
export const AttachProof = signedKind(
  'attach',
  Type.Object({
    label: Type.Literal('overcall attach'),
    versions: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 16 }),
    serverNonce: IdSchema,
    clientNonce: IdSchema,
    endpoint: IdSchema,
  }),
);

/**
 * Signed by the supernode's identity key: this device is attached to it. `aud` is the directory's key id; the
 * directory takes it as the proof that a lookup comes from an attached user.
 */
export const AttachReceipt = signedKind(
  'attached',
  Type.Object({
    iss: KeyIdSchema,
    name: Type.String({ minLength: 1, maxLength: 64 }),
    device: KeyIdSchema,
    endpoint: IdSchema,
    clientNonce: IdSchema,
    version: Type.Integer({ minimum: 1 }),
  }),
);

/** Signed by the device: reachable at these supernodes. `aud` is the directory's key id. Highest `seq` wins. */
export const PresenceRecord = signedKind(
  'presence',
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 64 }),
    device: KeyIdSchema,
    endpoint: IdSchema,
    /** Identity key ids of the supernodes it is attached to, best first. */
    supernodes: Type.Array(KeyIdSchema, { minItems: 1, maxItems: 4 }),
    seq: Type.Integer({ minimum: 0 }),
    /** Whether it takes calls. */
    accepts: Type.Boolean(),
    /** Call protocol versions it speaks. */
    versions: Type.Array(Type.Integer({ minimum: 1, maximum: 255 }), { minItems: 1, maxItems: 16 }),
  }),
);

/**
 * Signed by a supernode that links with another one, whose key id is `aud`. Both nonces are inside, so a proof cannot be
 * passed on.
 */
export const LinkProof = signedKind(
  'link',
  Type.Object({
    label: Type.Literal('overcall link'),
    iss: KeyIdSchema,
    versions: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 16 }),
    ownNonce: IdSchema,
    otherNonce: IdSchema,
  }),
);

/**
 * Signed by a supernode: somebody receives at this UDP address, and asks the supernode `aud` (key id) to send a probe
 * there. Only who receives there was given it.
 */
export const ProbeVoucher = signedKind(
  'probe-voucher',
  Type.Object({
    iss: KeyIdSchema,
    address: Type.String({ minLength: 1, maxLength: 64 }),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  }),
);

/** Discovery takes two seconds; a clock may be off by more (`CLOCK_TOLERANCE_S`). */
export const PROBE_VOUCHER_LIFETIME_S = 10;

export const ATTACH_PROOF_LIFETIME_S = 60;
export const LINK_PROOF_LIFETIME_S = 60;
export const ATTACH_RECEIPT_LIFETIME_S = 3600;
export const PRESENCE_LIFETIME_S = 600;
