import Type from 'typebox';
import { type MessageOf, readMessage } from './json-message.ts';
import {
  Base64Url,
  CertificateChain,
  Code,
  Endpoint,
  FlowId,
  Id,
  Jws,
  KeyId,
  LinkMeasurement,
  ListVersion,
  MAX_HOPS,
  Name,
  RequestId,
} from './message-fields.ts';

/**
 * Messages between two supernodes: JSON text on a WebSocket, one message a frame, both ways alike. Whoever connects has
 * checked the other's TLS certificate against the signed list; both then prove their identity keys (`hello`, `join`).
 * Supernodes take links here, on their control port:
 */
export const LINK_PATH = '/v1/link';

export const LinkMessage = {
  hello: Type.Object({
    t: Type.Literal('hello'),
    versions: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 16 }),
    supernode: KeyId,
    nonce: Id,
  }),
  /** `proof` is a link JWS over both nonces (see packages/identity). */
  join: Type.Object({ t: Type.Literal('join'), proof: Jws }),
  ping: Type.Object({ t: Type.Literal('ping'), id: RequestId }),
  pong: Type.Object({ t: Type.Literal('pong'), id: RequestId }),
  /** For an endpoint that is attached to the receiver; `from` is stamped by the sender, where it is attached. */
  signal: Type.Object({
    t: Type.Literal('signal'),
    to: Endpoint,
    from: Type.Object({ name: Name, device: KeyId, endpoint: Id }),
    callId: Id,
    body: Base64Url,
  }),
  /** Nobody took a signal; `from` is who had sent it. */
  'signal-failed': Type.Object({
    t: Type.Literal('signal-failed'),
    to: Endpoint,
    from: Endpoint,
    callId: Id,
    code: Code,
  }),
  /** A presence record for the receiver to keep, as one of the index nodes of that name. */
  'index-put': Type.Object({ t: Type.Literal('index-put'), chain: CertificateChain, record: Jws }),
  'index-get': Type.Object({ t: Type.Literal('index-get'), id: RequestId, name: Name }),
  'index-result': Type.Object({
    t: Type.Literal('index-result'),
    id: RequestId,
    endpoints: Type.Array(Type.Object({ chain: CertificateChain, record: Jws }), { maxItems: 32 }),
  }),
  /**
   * A party opened a flow whose way goes on through the receiver. It travels from the party's end of `hops` to the other one;
   * each supernode relays once this came from both sides.
   */
  'hop-open': Type.Object({
    t: Type.Literal('hop-open'),
    /** Identity key ids: who opened it, and who is at the other end. */
    party: KeyId,
    peer: KeyId,
    /** As in `relay-open` of the party. */
    receiveFlow: FlowId,
    sendFlow: FlowId,
    /** The whole way, from the party's supernode to the peer's. */
    hops: Type.Array(KeyId, { minItems: 2, maxItems: MAX_HOPS }),
  }),
  'hop-close': Type.Object({
    t: Type.Literal('hop-close'),
    party: KeyId,
    receiveFlow: FlowId,
    sendFlow: FlowId,
    hops: Type.Array(KeyId, { minItems: 2, maxItems: MAX_HOPS }),
  }),
  /** A supernode further on refuses a flow, or cannot be reached: goes back along the way to where the party is. */
  'hop-failed': Type.Object({
    t: Type.Literal('hop-failed'),
    party: KeyId,
    receiveFlow: FlowId,
    sendFlow: FlowId,
    hops: Type.Array(KeyId, { minItems: 2, maxItems: MAX_HOPS }),
    code: Code,
  }),
  /**
   * Whether the peer of that party is bound from this IP address: travels along the way of their flow to the last supernode,
   * as `confirm-peer` says for one supernode.
   */
  'hop-confirm': Type.Object({
    t: Type.Literal('hop-confirm'),
    /** Of the first supernode, for the answer. */
    id: RequestId,
    party: KeyId,
    receiveFlow: FlowId,
    sendFlow: FlowId,
    address: Type.String({ maxLength: 64 }),
    hops: Type.Array(KeyId, { minItems: 2, maxItems: MAX_HOPS }),
  }),
  /** Back along the way. */
  'hop-confirmed': Type.Object({
    t: Type.Literal('hop-confirmed'),
    id: RequestId,
    hops: Type.Array(KeyId, { minItems: 2, maxItems: MAX_HOPS }),
    known: Type.Boolean(),
  }),
  /** What `of` measured of its links, at a time on its clock (ms since 1970); newer replaces older. */
  measurements: Type.Object({
    t: Type.Literal('measurements'),
    of: KeyId,
    atMs: Type.Integer({ minimum: 0 }),
    links: Type.Array(LinkMeasurement, { maxItems: 64 }),
  }),
  /** Asks the receiver for what it measured of its links to these; what it does not know, it measures now. */
  measure: Type.Object({
    t: Type.Literal('measure'),
    id: RequestId,
    to: Type.Array(KeyId, { minItems: 1, maxItems: 16 }),
  }),
  measured: Type.Object({
    t: Type.Literal('measured'),
    id: RequestId,
    links: Type.Array(LinkMeasurement, { maxItems: 64 }),
  }),
  /** The newest signed supernode list that the sender has; the list itself is at its `/v1/supernodes`. */
  list: Type.Object({ t: Type.Literal('list'), version: ListVersion }),
} as const;

export type LinkMessage = MessageOf<typeof LinkMessage>;

/** Parses and checks what another supernode sent; null for anything else. */
export function readLinkMessage(text: string): LinkMessage | null {
  return readMessage(LinkMessage, text);
}
