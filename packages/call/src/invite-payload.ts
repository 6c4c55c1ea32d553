import { CertificateChain, type FlowId, KeyId, MAX_HOPS } from '@overcall/wire';
import Type, { type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { MAX_INVITE_SUPERNODES } from './call-types.ts';

/** What the two Noise messages of an invite carry besides keys: JSON, encrypted, nothing secret. */
const Flow = Type.Integer({ minimum: 0, maximum: 0xffffffff });

/** Message 1: who calls, from where, and on which flow the caller wants to receive. */
export const InvitePayload = Type.Object({
  callId: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }),
  chain: CertificateChain,
  flow: Flow,
  /** Where the caller is attached, best first. */
  supernodes: Type.Optional(Type.Array(KeyId, { maxItems: MAX_INVITE_SUPERNODES })),
  /** The first way of the media, from the caller's supernode to the callee's. */
  hops: Type.Optional(Type.Array(KeyId, { minItems: 1, maxItems: MAX_HOPS })),
});
export type InvitePayload = Static<typeof InvitePayload>;

/** Message 2: on which flow the callee wants to receive. */
export const ReplyPayload = Type.Object({ flow: Flow });
export interface ReplyPayload {
  flow: FlowId;
}

export function encodePayload(payload: InvitePayload | ReplyPayload): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(payload));
}

/** Parses JSON and checks it; null when it is something else. */
export function decodePayload<Schema extends TSchema>(
  schema: Schema,
  bytes: Uint8Array,
): Static<Schema> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return Value.Check(schema, value) ? (value as Static<Schema>) : null;
  } catch {
    return null;
  }
}
