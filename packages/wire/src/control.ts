import Type from 'typebox';
import { type MessageOf, readMessage } from './json-message.ts';
import {
  Base64Url,
  CertificateChain,
  Code,
  Endpoint,
  FlowId,
  Hops,
  Id,
  Jws,
  KeyId,
  ListVersion,
  MeasuredLink,
  Name,
  RequestId,
} from './message-fields.ts';

/**
 * Control messages between a softphone and a supernode: JSON text on a WebSocket, one message per frame. Each
 * schema gives both the TypeScript type and the check at the edge. Unknown fields are ignored.
 */
export const CONTROL_VERSION = 1;
/** Where a supernode, on its control port, and the directory serve `{ list }`, the signed supernode list. */
export const SUPERNODE_LIST_PATH = '/v1/supernodes';

export const ClientMessage = {
  /** `proof` is an attach JWS over both nonces and the supernode's key (see packages/identity). */
  attach: Type.Object({ t: Type.Literal('attach'), chain: CertificateChain, proof: Jws }),
  /** Announces (or with `accepts: false` inside the record withdraws) this endpoint for incoming calls. */
  present: Type.Object({ t: Type.Literal('present'), record: Jws }),
  lookup: Type.Object({ t: Type.Literal('lookup'), id: RequestId, name: Name }),
  /** `body` is opaque to the supernode: see signal.ts. `supernode` is where `to` is attached, when that is not here. */
  signal: Type.Object({
    t: Type.Literal('signal'),
    to: Endpoint,
    supernode: Type.Optional(KeyId),
    callId: Id,
    body: Base64Url,
  }),
  /** Both parties of a call send this; when they agree, each gets a bind key. */
  'relay-open': Type.Object({
    t: Type.Literal('relay-open'),
    id: RequestId,
    /** Identity key id of the other party. */
    peer: KeyId,
    /** Flow id this softphone chose and receives on. */
    receiveFlow: FlowId,
    /** Flow id the other party chose; this softphone sends with it. */
    sendFlow: FlowId,
    /** Supernodes after this one on the way to the other party, who opens the same way from the other end. */
    next: Type.Optional(Hops),
    /** The other party may have confirmed from where this softphone is bound (`confirm-peer`): it may know the address. Holds once said. */
    confirmable: Type.Optional(Type.Boolean()),
  }),
  /** A flow from this softphone to itself through the relay: it finds out whether the relay does its job. */
  'probe-open': Type.Object({ t: Type.Literal('probe-open'), id: RequestId, flow: FlowId }),
  'relay-close': Type.Object({
    t: Type.Literal('relay-close'),
    receiveFlow: FlowId,
    sendFlow: FlowId,
  }),
  /**
   * Asks whether the other party of a relay flow has bound from this IP address: before anything is guessed about its
   * ports, for nobody is to be probed on a peer's word alone. Yes only where that party has said that it may be told: who may not
   * know an address is not to try out some either.
   */
  'confirm-peer': Type.Object({
    t: Type.Literal('confirm-peer'),
    id: RequestId,
    receiveFlow: FlowId,
    sendFlow: FlowId,
    address: Type.String({ minLength: 2, maxLength: 45 }),
  }),
  /** Asks what is known of the links between these supernodes. */
  measurements: Type.Object({
    t: Type.Literal('measurements'),
    id: RequestId,
    supernodes: Type.Array(KeyId, { minItems: 2, maxItems: 16 }),
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
    /** How much of what it can carry it does, 0 to 1. */
    load: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  }),
  /** It would rather have this softphone elsewhere: within this time, or as soon as its calls allow. */
  move: Type.Object({
    t: Type.Literal('move'),
    reason: Type.Enum(['draining', 'overloaded', 'not-listed']),
    withinMs: Type.Integer({ minimum: 0, maximum: 3_600_000 }),
  }),
  /** Answer to attach or present that was refused, or to a message that is not understood; may be followed by close. */
  refused: Type.Object({
    t: Type.Literal('refused'),
    code: Code,
    message: Type.String({ maxLength: 512 }),
    /** With `overloaded`: when there may be room. */
    retryAfterMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600_000 })),
  }),
  'lookup-result': Type.Object({
    t: Type.Literal('lookup-result'),
    id: RequestId,
    /** Endpoints that accept calls; empty when nobody of that name is attached here. */
    endpoints: Type.Array(Type.Object({ chain: CertificateChain, record: Jws }), { maxItems: 32 }),
    /** Endpoints that take calls no more, by the newest record: one that is older may still be told elsewhere. */
    withdrawn: Type.Optional(
      Type.Array(Type.Object({ chain: CertificateChain, record: Jws }), { maxItems: 32 }),
    ),
    /** Present instead of a result, e.g. `rate-limited`. */
    error: Type.Optional(Code),
  }),
  signal: Type.Object({
    t: Type.Literal('signal'),
    from: Type.Object({ name: Name, device: KeyId, endpoint: Id, supernode: Type.Optional(KeyId) }),
    callId: Id,
    body: Base64Url,
  }),
  /** Nobody took a signal for that endpoint at `supernode`, or there is no way to that. */
  'signal-failed': Type.Object({
    t: Type.Literal('signal-failed'),
    to: Endpoint,
    callId: Id,
    code: Code,
    supernode: Type.Optional(KeyId),
  }),
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
  /** Links between the supernodes asked for, by their places in the question; what is not known is left out. */
  'measurements-result': Type.Object({
    t: Type.Literal('measurements-result'),
    id: RequestId,
    links: Type.Array(MeasuredLink, { maxItems: 240 }),
  }),
  pong: Type.Object({ t: Type.Literal('pong'), id: RequestId }),
  /** There is a newer signed supernode list, at {@link SUPERNODE_LIST_PATH}: it may be too long for a message. */
  list: Type.Object({ t: Type.Literal('list'), version: ListVersion }),
} as const;

export type ClientMessage = MessageOf<typeof ClientMessage>;
export type SupernodeMessage = MessageOf<typeof SupernodeMessage>;

/** Parses and checks what a softphone sent; null for anything else. */
export function readClientMessage(text: string): ClientMessage | null {
  return readMessage(ClientMessage, text);
}

/** Parses and checks what a supernode sent; null for anything else. */
export function readSupernodeMessage(text: string): SupernodeMessage | null {
  return readMessage(SupernodeMessage, text);
}
