import { CertificateChain, type FlowId } from '@overcall/wire';
import Type, { type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** What the two Noise messages of an invite carry besides keys: JSON, encrypted, nothing secret. */
const Flow = Type.Integer({ minimum: 0, maximum: 0xffffffff });

/** Message 1: who calls, and where the caller wants to receive. */
export const InvitePayload = Type.Object({
  callId: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }),
  chain: CertificateChain,
  flow: Flow,
});
export type InvitePayload = Static<typeof InvitePayload>;

/** Message 2: where the callee wants to receive. */
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
