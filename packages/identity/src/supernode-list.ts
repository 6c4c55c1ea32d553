import Type, { type Static } from 'typebox';
import { SigningPublicKey } from './keys.ts';
import { signedKind } from './signed.ts';
import { KeyIdSchema, Nonce } from './statement-fields.ts';

const Sha256Hex = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Address = Type.String({ minLength: 3, maxLength: 64 });

export const MAX_SUPERNODE_NAME_CHARS = 64;

/** How to reach and recognise a supernode. */
export const SupernodeEntry = Type.Object({
  name: Type.String({ minLength: 1, maxLength: MAX_SUPERNODE_NAME_CHARS }),
  key: SigningPublicKey,
  /** UDP addresses, `ip:port` or `[ip]:port`. */
  udp: Type.Array(Address, { minItems: 1, maxItems: 8 }),
  /** Control addresses (WebSocket over TLS), `ip:port` or `[ip]:port`. */
  control: Type.Array(Address, { minItems: 1, maxItems: 8 }),
  /** SHA-256 of the TLS certificate (DER), hex: current and, around a change, the next one. */
  tlsSha256: Type.Array(Sha256Hex, { minItems: 1, maxItems: 2 }),
  dnsName: Type.Optional(Type.String({ maxLength: 253 })),
});
export type SupernodeEntry = Static<typeof SupernodeEntry>;

/** An entry as the directory lists it: with the moment of its admission, ms since 1970. */
export const ListedSupernode = Type.Intersect([
  SupernodeEntry,
  Type.Object({ since: Type.Optional(Type.Integer({ minimum: 0 })) }),
]);
export type ListedSupernode = Static<typeof ListedSupernode>;

/**
 * One epoch of the presence index: supernodes admitted until `closedAtMs` hold it, spread by a seed that is random and was
 * made afterwards, so that nobody can choose keys to become the keeper of a name.
 */
export const IndexEpoch = Type.Object({
  seed: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  closedAtMs: Type.Integer({ minimum: 0 }),
});
export type IndexEpoch = Static<typeof IndexEpoch>;

/** Signed by the supernode's own identity key: please admit me. `aud` is the directory's key id. */
export const SupernodeAdmission = signedKind(
  'supernode-admission',
  Type.Object({
    entry: SupernodeEntry,
    nonce: Nonce,
    invite: Type.Optional(Type.String({ maxLength: 128 })),
  }),
);

/** Signed by the supernode's own identity key: take me off the list. `aud` is the directory's key id. */
export const SupernodeDeparture = signedKind(
  'supernode-departure',
  Type.Object({ cnf: Type.Object({ jwk: SigningPublicKey }), nonce: Nonce }),
);

/**
 * The device `device` of the user whose identity key id is `identity`. Both, because the directory does not know
 * whose a device is: by its key id alone, anybody could revoke anybody's.
 */
export const RevokedDevice = Type.Object({ identity: KeyIdSchema, device: KeyIdSchema });
export type RevokedDevice = Static<typeof RevokedDevice>;

/** The devices that a list says are not to be trusted any more, made to be asked about each attach: they may be 100,000. */
export class RevokedDevices {
  readonly #pairs: ReadonlySet<string>;

  constructor(devices: readonly RevokedDevice[] = []) {
    // Key ids are base64url: none has a space in it.
    this.#pairs = new Set(devices.map(({ identity, device }) => `${identity} ${device}`));
  }

  has({ identityKeyId, deviceId }: { identityKeyId: string; deviceId: string }): boolean {
    return this.#pairs.has(`${identityKeyId} ${deviceId}`);
  }
}

/**
 * Signed by the directory: who is admitted and who is revoked, not who is alive. The version only grows (ms since
 * 1970 at the least); holders refuse lower ones and pass on the newest. `aud` is the directory's key id.
 */
export const SupernodeList = signedKind(
  'supernodes',
  Type.Object({
    version: Type.Integer({ minimum: 1 }),
    supernodes: Type.Array(ListedSupernode, { maxItems: 10_000 }),
    /** The epoch in force and the one before. */
    index: Type.Optional(Type.Array(IndexEpoch, { maxItems: 2 })),
    revokedDevices: Type.Array(RevokedDevice, { maxItems: 100_000 }),
  }),
);

export const SUPERNODE_LIST_LIFETIME_S = 30 * 86_400;
