import Type, { type Static } from 'typebox';
import { Value } from 'typebox/value';
import { viewOf } from './bytes.ts';
import { Id, KeyId, LinkMeasurement, MAX_HOPS, Name } from './message-fields.ts';
import { MAX_TEXT_CHARS } from './text-message.ts';

/**
 * Bodies of `signal` control messages: what the two softphones say to each other through supernodes.
 *
 * | first byte | body | layout after it |
 * |---|---|---|
 * | 1 | invite | versions count(1), versions(1 each), Noise IK message 1 |
 * | 2 | invite reply | Noise IK message 2 |
 * | 3 | sealed | counter(8, big-endian), AES-128-GCM ciphertext and tag of a {@link CallMessage} in JSON |
 * | 4 | stop | 16 bytes that only the caller and the softphones that it rings know until one of them is answered |
 */
export const SignalType = { Invite: 1, InviteReply: 2, Sealed: 3, Stop: 4 } as const;
/** Call protocol versions this build speaks, best last. */
export const CALL_VERSIONS = [1] as const;

interface InviteBody {
  type: typeof SignalType.Invite;
  versions: number[];
  noise: Uint8Array;
}
interface InviteReplyBody {
  type: typeof SignalType.InviteReply;
  noise: Uint8Array;
}
export interface SealedBody {
  type: typeof SignalType.Sealed;
  counter: bigint;
  sealed: Uint8Array;
}
/** From a softphone that was answered to the others of the same user: nobody is to ring any more. */
interface StopBody {
  type: typeof SignalType.Stop;
  token: Uint8Array;
}
export type SignalBody = InviteBody | InviteReplyBody | SealedBody | StopBody;

/** Nobody guesses it in the time that a call rings. */
export const STOP_TOKEN_BYTES = 16;

export function writeSignalBody(body: SignalBody): Uint8Array<ArrayBuffer> {
  switch (body.type) {
    case SignalType.Invite: {
      const bytes = new Uint8Array(2 + body.versions.length + body.noise.length);
      bytes.set([body.type, body.versions.length, ...body.versions]);
      bytes.set(body.noise, 2 + body.versions.length);
      return bytes;
    }
    case SignalType.InviteReply: {
      const bytes = new Uint8Array(1 + body.noise.length);
      bytes[0] = body.type;
      bytes.set(body.noise, 1);
      return bytes;
    }
    case SignalType.Sealed: {
      const bytes = new Uint8Array(9 + body.sealed.length);
      bytes[0] = body.type;
      viewOf(bytes).setBigUint64(1, body.counter);
      bytes.set(body.sealed, 9);
      return bytes;
    }
    case SignalType.Stop: {
      const bytes = new Uint8Array(1 + STOP_TOKEN_BYTES);
      bytes[0] = body.type;
      bytes.set(body.token, 1);
      return bytes;
    }
  }
}

/** Decodes a signal body; null for anything else. The parts are copies: handshake code may wipe them. */
export function readSignalBody(bytes: Uint8Array): SignalBody | null {
  switch (bytes[0]) {
    case SignalType.Invite: {
      const count = bytes[1] ?? 0;
      if (count === 0 || count > 16 || bytes.length < 2 + count) return null;
      return {
        type: SignalType.Invite,
        versions: [...bytes.subarray(2, 2 + count)],
        noise: bytes.slice(2 + count),
      };
    }
    case SignalType.InviteReply:
      return { type: SignalType.InviteReply, noise: bytes.slice(1) };
    case SignalType.Sealed:
      if (bytes.length < 9 + 16) return null;
      return { type: SignalType.Sealed, counter: viewOf(bytes).getBigUint64(1), sealed: bytes.slice(9) };
    case SignalType.Stop:
      return bytes.length === 1 + STOP_TOKEN_BYTES ? { type: SignalType.Stop, token: bytes.slice(1) } : null;
    default:
      return null;
  }
}

const uint = (maximum: number) => Type.Integer({ minimum: 0, maximum });

/** What travels under the final keys of a call. `confirm`, `ping`, `text` or `text-copy` comes first: only after `confirm` does the callee ring. */
export const CallMessage = Type.Union([
  Type.Object({
    t: Type.Literal('confirm'),
    /** Whoever answers says it to the other softphones of the callee, which then ring no more. */
    stop: Type.Optional(Id),
  }),
  /** In the place of `confirm`: paths are to be measured, and nobody is called. Answered with `accept` or `busy`. */
  Type.Object({ t: Type.Literal('ping') }),
  Type.Object({ t: Type.Literal('ringing') }),
  Type.Object({ t: Type.Literal('accept') }),
  Type.Object({ t: Type.Literal('decline') }),
  Type.Object({ t: Type.Literal('busy') }),
  /** The caller gave up, or another device answered. */
  Type.Object({ t: Type.Literal('cancel'), reason: Type.Optional(Type.String({ maxLength: 64 })) }),
  Type.Object({ t: Type.Literal('hangup') }),
  /** In the middle of a call: whether the sender is muted, or holds the call. The highest number is what is true. */
  Type.Object({
    t: Type.Literal('state'),
    seq: uint(2 ** 32 - 1),
    muted: Type.Boolean(),
    held: Type.Boolean(),
  }),
  /** The keys that the sender pressed last, of a telephone's (ITU-T Q.23), and how many it had pressed before these. */
  Type.Object({
    t: Type.Literal('keys'),
    first: uint(2 ** 32 - 1),
    keys: Type.String({ pattern: '^[0-9*#A-D]{1,32}$' }),
  }),
  /** Something to read: in the middle of a call, or in the place of `confirm`, when nothing else is wanted. */
  Type.Object({
    t: Type.Literal('text'),
    /** Random; one that has been there is not shown again. */
    id: Id,
    text: Type.String({ minLength: 1, maxLength: MAX_TEXT_CHARS }),
  }),
  /** In the place of `confirm`, from a softphone to the others of the same user: what was written to somebody. */
  Type.Object({
    t: Type.Literal('text-copy'),
    /** Of the message; the handshake of the copy has one of its own. */
    id: Id,
    to: Name,
    text: Type.String({ minLength: 1, maxLength: MAX_TEXT_CHARS }),
    /** Whether it came to whom it was written to. */
    delivered: Type.Boolean(),
  }),
  /** It is kept, on a disk; or, when busy, it is not, because there were too many of late. */
  Type.Object({ t: Type.Literal('text-ack'), id: Id, busy: Type.Optional(Type.Literal(true)) }),
  /**
   * Ways over supernodes. The caller offers some; the callee offers those it takes, with flows of its own; a way that both
   * offer is opened from both ends. What a newer message leaves out is given up.
   */
  Type.Object({
    t: Type.Literal('routes'),
    seq: uint(2 ** 32 - 1),
    /** Where the sender is attached and can be signalled, best first. */
    attached: Type.Array(KeyId, { maxItems: 8 }),
    /** How well the sender reaches supernodes: round trip in ms, loss in percent. Empty for whom that is not meant. */
    near: Type.Array(LinkMeasurement, { maxItems: 16 }),
    offers: Type.Array(
      Type.Object({
        /** From the caller's supernode to the callee's. */
        hops: Type.Array(KeyId, { minItems: 1, maxItems: MAX_HOPS }),
        /** On which the sender receives what comes this way. */
        flow: uint(2 ** 32 - 1),
      }),
      { maxItems: 6 },
    ),
  }),
  /** Addresses at which the sender may be reached, and how far it has read ours. */
  Type.Object({
    t: Type.Literal('candidates'),
    seq: uint(2 ** 32 - 1),
    ack: uint(2 ** 32 - 1),
    flow: uint(2 ** 32 - 1),
    candidates: Type.Array(
      Type.Object({
        kind: Type.Enum(['host', 'server-reflexive', 'port-mapped']),
        address: Type.String({ maxLength: 64 }),
      }),
      { maxItems: 32 },
    ),
    /** What the sender knows of its NATs (RFC 4787). */
    nat: Type.Optional(
      Type.Object({
        mapping: Type.Enum(['none', 'eim', 'adm', 'apdm', 'unknown']),
        filtering: Type.Enum(['eif', 'adf', 'apdf', 'unknown']),
        ports: Type.Union([
          Type.Object({ kind: Type.Enum(['unknown', 'preserved']) }),
          Type.Object({
            kind: Type.Literal('random'),
            first: Type.Optional(uint(65_535)),
            last: Type.Optional(uint(65_535)),
          }),
          Type.Object({
            kind: Type.Literal('sequential'),
            step: Type.Integer({ minimum: -1024, maximum: 1024 }),
          }),
          Type.Object({ kind: Type.Literal('block'), first: uint(65_535), last: uint(65_535) }),
        ]),
      }),
    ),
    /** Outside ports that fresh sockets of the sender will have, in the order of their use. */
    guess: Type.Optional(
      Type.Object({
        round: Type.Integer({ minimum: 1, maximum: 64 }),
        address: Type.String({ maxLength: 45 }),
        ports: Type.Array(Type.Integer({ minimum: 1, maximum: 65_535 }), { maxItems: 16 }),
      }),
    ),
  }),
]);
export type CallMessage = Static<typeof CallMessage>;

/** Checks a decrypted call message; null when it is none that this version knows. */
export function asCallMessage(value: unknown): CallMessage | null {
  return Value.Check(CallMessage, value) ? value : null;
}
