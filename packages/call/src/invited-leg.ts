import { callPrologue, InviteInitiator } from '@overcall/session';
import {
  type Endpoint,
  fromBase64Url,
  OvercallError,
  type SealedBody,
  SignalType,
  writeSignalBody,
} from '@overcall/wire';
import {
  type CallContext,
  type CallId,
  MAX_INVITE_SUPERNODES,
  type RemoteEndpoint,
  randomFlowId,
  type SignalOrigin,
} from './call-types.ts';
import { firstWay } from './default-routes.ts';
import { decodePayload, encodePayload, ReplyPayload } from './invite-payload.ts';
import { PeerWays } from './peer-ways.ts';
import { SecureLeg } from './secure-leg.ts';

/** Sealed signals that came by another way than the reply, and before it. */
const MAX_EARLY = 8;

/** One endpoint of the callee, from the invite on: `secure` once it has answered the handshake. */
export class InvitedLeg {
  readonly origin: SignalOrigin;
  readonly ways: PeerWays;
  secure: SecureLeg | null = null;
  /** When it is looked up again, because it could not be reached; Infinity while it can. */
  refindAtMs = Number.POSITIVE_INFINITY;
  /** How often it was not where it was found. */
  misses = 0;
  readonly #context: CallContext;
  readonly #callId: CallId;
  readonly #endpoint: RemoteEndpoint;
  readonly #receiveFlow: number;
  readonly #hops: readonly string[] | null;
  readonly #initiator: InviteInitiator;
  #early: SealedBody[] = [];

  /** Null when the endpoint's key is no key, or no version is common: its own doing, so it is passed over. */
  static make(context: CallContext, callId: CallId, endpoint: RemoteEndpoint): InvitedLeg | null {
    try {
      return new InvitedLeg(context, callId, endpoint);
    } catch (error) {
      if (error instanceof OvercallError) return null;
      throw error;
    }
  }

  private constructor(context: CallContext, callId: CallId, endpoint: RemoteEndpoint) {
    const { local, crypto, attached } = context;
    const { name, deviceId: device, agreementKey } = endpoint.device;
    const remoteStatic = fromBase64Url(agreementKey);
    if (remoteStatic === null) throw new OvercallError('certificate-invalid', 'the agreement key is no key');
    this.#context = context;
    this.#callId = callId;
    this.#endpoint = endpoint;
    this.origin = { supernode: endpoint.supernodes[0] ?? '', name, device, endpoint: endpoint.endpoint };
    this.ways = new PeerWays(endpoint.supernodes);
    this.#receiveFlow = randomFlowId(crypto);
    this.#hops = firstWay(attached, endpoint.supernodes);
    const prologue = callPrologue({
      callerVersions: [...local.versions],
      calleeVersions: [...endpoint.versions],
      directoryKeyId: local.directoryKeyId,
      caller: local.name,
      callee: name,
    });
    const payload = encodePayload({
      callId,
      chain: local.chain,
      flow: this.#receiveFlow,
      supernodes: attached.slice(0, MAX_INVITE_SUPERNODES),
      ...(this.#hops === null ? {} : { hops: [...this.#hops] }),
    });
    const { staticKey } = local;
    this.#initiator = new InviteInitiator({ crypto, staticKey, remoteStatic, prologue, payload });
  }

  get #to(): Endpoint {
    return { device: this.origin.device, endpoint: this.origin.endpoint };
  }

  /** Sends the invite, or sends it again, the same bytes. */
  invite(): void {
    const { versions } = this.#context.local;
    const { message: noise } = this.#initiator;
    const body = writeSignalBody({ type: SignalType.Invite, versions: [...versions], noise });
    const { all: supernodes } = this.ways;
    this.#context.emit({ type: 'signal', supernodes, to: this.#to, callId: this.#callId, body });
  }

  /** The handshake is over; null for what is no valid reply, or a second one. */
  handleReply(noise: Uint8Array, supernode: string): { secure: SecureLeg; early: SealedBody[] } | null {
    if (this.secure !== null) return null;
    const reply = this.#initiator.readReply(noise);
    const payload = reply && decodePayload(ReplyPayload, reply.payload);
    if (!reply || !payload) return null;
    this.ways.hear(supernode);
    this.secure = new SecureLeg(this.#context, this.origin, {
      callId: this.#callId,
      direction: 'outgoing',
      peer: this.#endpoint.device,
      keys: reply.keys,
      ways: this.ways,
      receiveFlow: this.#receiveFlow,
      sendFlow: payload.flow,
      hops: this.#hops,
    });
    const early = this.#early;
    this.#early = [];
    return { secure: this.secure, early };
  }

  /** What overtook the reply is looked at when that has come. */
  keepEarly(body: SealedBody): void {
    if (this.#early.length < MAX_EARLY) this.#early.push(body);
  }

  /** Another way there, or from here. */
  handleAttached(isLossy: boolean): void {
    if (this.secure !== null) this.secure.handleAttached(isLossy);
    else if (isLossy) this.invite();
  }

  /** It was looked up again and is attached to these. */
  handleFoundAgain(supernodes: readonly string[]): void {
    this.refindAtMs = Number.POSITIVE_INFINITY;
    this.ways.replace(supernodes);
    if (this.secure !== null) this.secure.resend();
    else this.invite();
  }
}
