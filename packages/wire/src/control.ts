import Type, { type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';

/**
 * Control messages between a softphone and a supernode: JSON text on a WebSocket, one message per frame. Each
 * schema gives both the TypeScript type and the check at the edge. Unknown fields are ignored.
 */
export const CONTROL_VERSION = 1;
/** Longest control message that either side accepts, in UTF-16 units of JSON. */
export const MAX_CONTROL_CHARS = 65_536;
/** Where a supernode, on its control port, and the directory serve `{ list }`, the signed supernode list. */
export const SUPERNODE_LIST_PATH = '/v1/supernodes';

const Base64Url = Type.String({ pattern: '^[A-Za-z0-9_-]*$', maxLength: 32_768 });
/** RFC 7638 thumbprint (SHA-256, base64url) of an Ed25519 key. */
const KeyId = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
/** 16 random bytes, base64url. */
const Id = Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' });
const Jws = Type.String({ pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$', maxLength: 65_536 });
const Name = Type.String({ minLength: 1, maxLength: 64 });
const FlowIdSchema = Type.Integer({ minimum: 0, maximum: 0xffffffff });
const RequestId = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** Goes into logs and error lines: nothing in it can move a cursor. */
const Code = Type.String({ pattern: '^[a-z0-9-]*$', maxLength: 64 });
/** Of a signed supernode list: it only grows. */
const ListVersion = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

/** The user's certificate (signed by the directory) and the device's (signed by the user's identity key). */
export const CertificateChain = Type.Object({ user: Jws, device: Jws });
export type CertificateChain = Static<typeof CertificateChain>;

/** One attached softphone process: a device may have several. */
export const Endpoint = Type.Object({ device: KeyId, endpoint: Id });
export type Endpoint = Static<typeof Endpoint>;

export const ClientMessage = {
  /** `proof` is an attach JWS over both nonces and the supernode's key (see packages/identity). */
  attach: Type.Object({ t: Type.Literal('attach'), chain: CertificateChain, proof: Jws }),
  /** Announces (or with `accepts: false` inside the record withdraws) this endpoint for incoming calls. */
  present: Type.Object({ t: Type.Literal('present'), record: Jws }),
  lookup: Type.Object({ t: Type.Literal('lookup'), id: RequestId, name: Name }),
  /** `body` is opaque to the supernode: see signal.ts. */
  signal: Type.Object({ t: Type.Literal('signal'), to: Endpoint, callId: Id, body: Base64Url }),
  /** Both parties of a call send this; when they agree, each gets a bind key. */
  'relay-open': Type.Object({
    t: Type.Literal('relay-open'),
    id: RequestId,
    /** Identity key id of the other party. */
    peer: KeyId,
    /** Flow id this softphone chose and receives on. */
    receiveFlow: FlowIdSchema,
    /** Flow id the other party chose; this softphone sends with it. */
    sendFlow: FlowIdSchema,
  }),
  'relay-close': Type.Object({
    t: Type.Literal('relay-close'),
    receiveFlow: FlowIdSchema,
    sendFlow: FlowIdSchema,
  }),
  /**
   * Asks whether the other party of a relay flow has bound from this IP address: before anything is guessed about its
   * ports, for nobody is to be probed on a peer's word alone. The answer tells nothing to those who do not know the
   * address already.
   */
  'confirm-peer': Type.Object({
    t: Type.Literal('confirm-peer'),
    id: RequestId,
    receiveFlow: FlowIdSchema,
    sendFlow: FlowIdSchema,
    address: Type.String({ minLength: 2, maxLength: 45 }),
  }),
  ping: Type.Object({ t: Type.Literal('ping'), id: RequestId }),
} as const;

export const SupernodeMessage = {
  hello: Type.Object({
    t: Type.Literal('hello'),
    versions: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 16 }),
    /** Identity key id of the supernode. */
    supernode: KeyId,
    nonce: Id,
  }),
  attached: Type.Object({
    t: Type.Literal('attached'),
    /** Signed by the supernode over the client's nonce: it holds the key the list names. */
    receipt: Jws,
    /** Addresses of its UDP port, `ip:port` or `[ip]:port`. */
    udp: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 8 }),
    /** Of the newest signed supernode list it knows; the list itself is at {@link SUPERNODE_LIST_PATH}. */
    listVersion: Type.Optional(ListVersion),
  }),
  /** Answer to attach or present that was refused, or to a message that is not understood; may be followed by close. */
  refused: Type.Object({ t: Type.Literal('refused'), code: Code, message: Type.String({ maxLength: 512 }) }),
  'lookup-result': Type.Object({
    t: Type.Literal('lookup-result'),
    id: RequestId,
    /** Endpoints that accept calls; empty when nobody of that name is attached here. */
    endpoints: Type.Array(Type.Object({ chain: CertificateChain, record: Jws }), { maxItems: 32 }),
    /** Present instead of a result, e.g. `rate-limited`. */
    error: Type.Optional(Code),
  }),
  signal: Type.Object({
    t: Type.Literal('signal'),
    from: Type.Object({ name: Name, device: KeyId, endpoint: Id }),
    callId: Id,
    body: Base64Url,
  }),
  'signal-failed': Type.Object({ t: Type.Literal('signal-failed'), to: Endpoint, callId: Id, code: Code }),
  'relay-opened': Type.Object({
    t: Type.Literal('relay-opened'),
    id: RequestId,
    /** 32 bytes: key of the bind requests of this party. */
    bindKey: Base64Url,
    udp: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 8 }),
  }),
  'relay-failed': Type.Object({
    t: Type.Literal('relay-failed'),
    id: RequestId,
    code: Code,
    message: Type.String({ maxLength: 512 }),
  }),
  'peer-confirmed': Type.Object({
    t: Type.Literal('peer-confirmed'),
    id: RequestId,
    known: Type.Boolean(),
  }),
  pong: Type.Object({ t: Type.Literal('pong'), id: RequestId }),
  /** There is a newer signed supernode list, at {@link SUPERNODE_LIST_PATH}: it may be too long for a message. */
  list: Type.Object({ t: Type.Literal('list'), version: ListVersion }),
} as const;

type MessageOf<Table extends Record<string, TSchema>> = { [K in keyof Table]: Static<Table[K]> }[keyof Table];
export type ClientMessage = MessageOf<typeof ClientMessage>;
export type SupernodeMessage = MessageOf<typeof SupernodeMessage>;

function readMessage<Table extends Record<string, TSchema>>(
  table: Table,
  text: string,
): MessageOf<Table> | null {
  if (text.length > MAX_CONTROL_CHARS) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const t = (value as { t?: unknown }).t;
  if (typeof t !== 'string' || !Object.hasOwn(table, t)) return null;
  return Value.Check(table[t]!, value) ? (value as MessageOf<Table>) : null;
}

/** Parses and checks what a softphone sent; null for anything else. */
export function readClientMessage(text: string): ClientMessage | null {
  return readMessage(ClientMessage, text);
}

/** Parses and checks what a supernode sent; null for anything else. */
export function readSupernodeMessage(text: string): SupernodeMessage | null {
  return readMessage(SupernodeMessage, text);
}
