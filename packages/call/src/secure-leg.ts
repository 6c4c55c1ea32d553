import type { CertifiedDevice, KeyId } from '@overcall/identity';
import { type CallKeys, PacketOpener, PacketSealer } from '@overcall/session';
import {
  asCallMessage,
  type CallMessage,
  type FlowId,
  type SealedBody,
  SignalType,
  writeSignalBody,
} from '@overcall/wire';
import {
  type CallContext,
  type CallId,
  type Direction,
  type Near,
  type Purpose,
  type ReadyLeg,
  randomFlowId,
  type SignalOrigin,
} from './call-types.ts';
import { InCall, type InCallMessage } from './in-call.ts';
import type { PeerWays } from './peer-ways.ts';
import { isWay, RouteExchange } from './route-exchange.ts';

const ASSOCIATED_DATA = new Uint8Array([SignalType.Sealed]);
/** Messages that are repeated when there is another way to the peer: of those in REPLACED the newest, of others all. */
const MAX_OUTBOX = 12;
/** Kinds of which a message says all that the ones before it said. */
const REPLACED: ReadonlySet<CallMessage['t']> = new Set(['routes', 'candidates', 'state', 'keys']);
/** Text messages are filled up with blanks to a multiple of so many bytes: supernodes need not see how much somebody wrote. */
const TEXT_BLOCK_BYTES = 256;

export interface SecureLegOptions {
  callId: CallId;
  direction: Direction;
  peer: CertifiedDevice;
  keys: CallKeys;
  ways: PeerWays;
  /** The flows of invite and reply, and the way that goes with them, from the caller's supernode; null for none. */
  receiveFlow: FlowId;
  sendFlow: FlowId;
  hops: readonly KeyId[] | null;
}

/**
 * Signalling with one endpoint under the final keys of the handshake: each message at most once, in whatever order they come.
 * What was sent is kept and repeated, as the same bytes, whenever there is a new way to the peer; the peer drops what it has.
 */
export class SecureLeg {
  readonly ready: Omit<ReadyLeg, 'purpose' | 'supernodes'>;
  readonly origin: SignalOrigin;
  readonly ways: PeerWays;
  readonly #context: CallContext;
  readonly #sealer: PacketSealer;
  readonly #opener: PacketOpener;
  readonly #routes: RouteExchange;
  #outbox: { kind: CallMessage['t']; body: Uint8Array }[] = [];
  readonly #inCall = new InCall();
  #isAnnounced = false;
  #isTalking = false;
  #isClosed = false;

  constructor(context: CallContext, origin: SignalOrigin, options: SecureLegOptions) {
    const { callId, direction, peer, keys, ways, hops } = options;
    this.#context = context;
    this.origin = origin;
    this.ways = ways;
    this.ready = { legId: context.newLegId(), callId, direction, peer, keys };
    this.#sealer = new PacketSealer(context.crypto, keys.send.signal);
    this.#opener = new PacketOpener(context.crypto, keys.receive.signal);
    this.#routes = new RouteExchange({
      direction,
      newFlow: () => randomFlowId(context.crypto),
      isListed: (supernode) => context.isListed(supernode),
      attached: context.attached,
    });
    const isUsable = hops !== null && isWay(hops) && hops.every((hop) => context.isListed(hop));
    if (isUsable) this.#routes.begin(hops, options.receiveFlow, options.sendFlow);
  }

  send(message: CallMessage): void {
    const json = new TextEncoder().encode(JSON.stringify(message));
    const plaintext = message.t === 'text' || message.t === 'text-copy' ? inBlocks(json) : json;
    const { counter, sealed } = this.#sealer.seal(plaintext, ASSOCIATED_DATA);
    const body = writeSignalBody({ type: SignalType.Sealed, counter: BigInt(counter), sealed });
    if (REPLACED.has(message.t)) this.#outbox = this.#outbox.filter(({ kind }) => kind !== message.t);
    this.#outbox.push({ kind: message.t, body });
    if (this.#outbox.length > MAX_OUTBOX) this.#outbox.shift();
    this.#emit(body);
  }

  /** There is another way to the peer, or another way was lost with what was on it. */
  resend(): void {
    for (const { body } of this.#outbox) this.#emit(body);
  }

  #emit(body: Uint8Array): void {
    const { device, endpoint } = this.origin;
    this.#context.emit({
      type: 'signal',
      supernodes: this.ways.all,
      to: { device, endpoint },
      callId: this.ready.callId,
      body,
    });
  }

  /** The message inside; null when it is forged, has been here before, or is unknown. `supernode`: where it came from. */
  open(body: SealedBody, supernode: KeyId): CallMessage | null {
    const counter = Number(body.counter);
    if (!Number.isSafeInteger(counter)) return null;
    const plaintext = this.#opener.open(counter, body.sealed, ASSOCIATED_DATA);
    if (plaintext === null) return null;
    if (this.ways.hear(supernode)) this.resend();
    try {
      return asCallMessage(JSON.parse(new TextDecoder().decode(plaintext)));
    } catch {
      return null;
    }
  }

  /** What the peer says about its addresses goes to the paths of this leg; what it says about routes, to these. */
  handle(message: CallMessage, nowMs: number): void {
    const { legId } = this.ready;
    if (message.t === 'candidates') {
      const { t: _, ...candidates } = message;
      this.#context.emit({ type: 'told', legId, message: candidates });
    }
    if (message.t === 'state' || message.t === 'keys') {
      this.#inCall.handle(message, nowMs);
      this.#tellInCall();
    }
    if ((message.t === 'text' || message.t === 'text-ack') && this.#isTalking)
      this.#context.onText(this, message, nowMs);
    if (message.t === 'routes') {
      const { t: _, ...routes } = message;
      if (!this.#routes.handle(routes, nowMs)) return;
      const { attached, near } = routes;
      if (this.ways.replace(attached)) this.resend();
      this.#context.emit({ type: 'peer-moved', legId, attached, near });
      this.#pump();
    }
  }

  /** Tells the driver to make a media session and open the first route. */
  announce(purpose: Purpose): void {
    this.#isAnnounced = true;
    this.#context.emit({ type: 'leg-ready', ...this.ready, purpose, supernodes: this.ways.all });
    this.#pump();
  }

  /** We are attached elsewhere; `isLossy` when what was on its way may be lost. */
  handleAttached(isLossy: boolean): void {
    this.#routes.setAttached(this.#context.attached);
    if (isLossy) this.resend();
    this.#pump();
  }

  setNear(near: Near): void {
    this.#routes.setNear(near);
    this.#pump();
  }

  offerRoutes(ways: readonly (readonly KeyId[])[]): void {
    this.#routes.offer(ways);
    this.#pump();
  }

  refuseRoute(receiveFlow: FlowId): void {
    this.#routes.refuse(receiveFlow);
    this.#pump();
  }

  #pump(): void {
    if (!this.#isAnnounced || this.#isClosed) return;
    const { legId } = this.ready;
    for (const output of this.#routes.poll()) {
      if (output.type === 'say') this.send({ t: 'routes', ...output.message });
      else if (output.type === 'open') this.#context.emit({ type: 'route', legId, route: output.route });
      else this.#context.emit({ type: 'route-closed', legId, receiveFlow: output.route.receiveFlow });
    }
  }

  talk(): void {
    this.#isTalking = true;
    this.#context.emit({ type: 'talk', callId: this.ready.callId, legId: this.ready.legId });
    this.#tellInCall();
  }

  /** Says something in the middle of the call; nothing before it has begun. */
  sayInCall(say: (inCall: InCall) => InCallMessage | null): void {
    if (!this.#isTalking || this.#isClosed) return;
    const message = say(this.#inCall);
    if (message !== null) this.send(message);
    this.#tellInCall();
  }

  /** What the peer said before the call began is told when it begins. */
  #tellInCall(): void {
    if (!this.#isTalking) return;
    const { callId } = this.ready;
    for (const change of this.#inCall.poll())
      this.#context.emit({ type: 'event', event: { callId, ...change } });
  }

  close(bye: boolean): void {
    this.#isClosed = true;
    this.#context.emit({ type: 'leg-closed', legId: this.ready.legId, bye });
  }
}

function inBlocks(json: Uint8Array): Uint8Array {
  const filled = new Uint8Array(Math.ceil(json.length / TEXT_BLOCK_BYTES) * TEXT_BLOCK_BYTES).fill(0x20);
  filled.set(json);
  return filled;
}
