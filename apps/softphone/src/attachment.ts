import { randomBytes } from 'node:crypto';
import {
  ATTACH_PROOF_LIFETIME_S,
  AttachProof,
  AttachReceipt,
  keyIdOf,
  type SupernodeEntry,
  signObject,
  verifyObject,
} from '@overcall/identity';
import { type ControlLink, connectControl } from '@overcall/net';
import {
  type ClientMessage,
  CONTROL_VERSION,
  type FlowId,
  OvercallError,
  type SupernodeMessage,
} from '@overcall/wire';
import type { Profile } from './profile.ts';

/** How long a supernode may take for each step of attaching, or to answer a request, ms. */
const ANSWER_TIMEOUT_MS = 5000;
/** How long a supernode may take to say whether somebody is attached to it, ms. */
const LOOKUP_TIMEOUT_MS = 2000;
/** Messages between the proof of a supernode and the moment when the attachment stands, a round trip later: of more the newest are lost. */
const MAX_EARLY = 64;
/** A relay waits for the other party to open its side too, ms. */
const RELAY_OPEN_TIMEOUT_MS = 30_000;

type LookupResult = Extract<SupernodeMessage, { t: 'lookup-result' }>;
type PeerConfirmed = Extract<SupernodeMessage, { t: 'peer-confirmed' }>;
type MeasurementsResult = Extract<SupernodeMessage, { t: 'measurements-result' }>;
type RelayOpened = Extract<SupernodeMessage, { t: 'relay-opened' }>;

/** Called only once the attachment stands, so with nothing that a supernode says before it has proven itself. */
export interface AttachmentHandlers {
  onSignal(attachment: Attachment, message: Extract<SupernodeMessage, { t: 'signal' }>): void;
  onUndeliverable(attachment: Attachment, message: Extract<SupernodeMessage, { t: 'signal-failed' }>): void;
  /** There is a supernode list of this version; the supernode serves it. */
  onList(attachment: Attachment, version: number): void;
  /** It stood, and the supernode does not want it any more, or not what it announced. */
  onRefused(attachment: Attachment, refusal: OvercallError): void;
  /** It would rather have us elsewhere. */
  onMove(attachment: Attachment, message: Extract<SupernodeMessage, { t: 'move' }>): void;
  /** Any message: it lives. */
  onHeard(attachment: Attachment): void;
  onClose(attachment: Attachment): void;
}

/** A supernode refused us; with a hint when there may be room. */
export class RefusedError extends OvercallError {
  readonly retryAfterMs: number | undefined;

  constructor({ code, message, retryAfterMs }: Extract<SupernodeMessage, { t: 'refused' }>) {
    super(code, message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** One attached control connection to one supernode. */
export class Attachment {
  readonly entry: SupernodeEntry;
  /** As whom we attached. */
  readonly profile: Profile;
  readonly supernodeId: string;
  /** Round trip over the control connection when it was made, ms. */
  rttMs = 0;
  /** How much of what it can carry the supernode did when we attached, 0 to 1; null when it did not say. */
  load: number | null = null;
  /** The supernode's signed word that this device is attached: shown to the directory for lookups. */
  receipt = '';
  readonly #endpoint: string;
  readonly #handlers: AttachmentHandlers;
  readonly #answers = new Map<string, (outcome: SupernodeMessage | OvercallError) => void>();
  #link: ControlLink | null = null;
  #stands = false;
  /** What is to be told once it stands. */
  #early: ((handlers: AttachmentHandlers) => void)[] = [];
  #listVersion = 0;
  #nextRequestId = 1;

  private constructor(
    entry: SupernodeEntry,
    supernodeId: string,
    profile: Profile,
    endpoint: string,
    handlers: AttachmentHandlers,
  ) {
    this.entry = entry;
    this.supernodeId = supernodeId;
    this.profile = profile;
    this.#endpoint = endpoint;
    this.#handlers = handlers;
  }

  /**
   * Connects, proves who we are and checks that the supernode holds the key that the list names; {@link start} is next.
   * @param mayRace whether a second connection may be tried beside one that takes long
   * @throws OvercallError `supernode-unreachable`, or the code with which the supernode refused
   */
  static async open(
    entry: SupernodeEntry,
    profile: Profile,
    endpoint: string,
    handlers: AttachmentHandlers,
    { mayRace = true }: { mayRace?: boolean } = {},
  ): Promise<Attachment> {
    const attachment = new Attachment(entry, await keyIdOf(entry.key), profile, endpoint, handlers);
    try {
      await attachment.#attach(mayRace);
      if (attachment.#link === null) throw attachment.#unreachable('it closed the connection');
      return attachment;
    } catch (error) {
      attachment.close();
      throw error;
    }
  }

  /** It stands from now on: its handlers are called, first with what has come since the supernode proved itself. */
  start(): void {
    this.#stands = true;
    for (const tell of this.#early.splice(0)) tell(this.#handlers);
    if (this.#link === null) this.#handlers.onClose(this);
  }

  async #attach(mayRace: boolean): Promise<void> {
    const hello = this.#answer('hello', ANSWER_TIMEOUT_MS);
    hello.catch(() => {});
    this.#link = await connectControl(
      { address: this.entry.control[0]!, tlsSha256: this.entry.tlsSha256 },
      { onMessage: (message) => this.#handleMessage(message), onClose: () => this.#handleClose() },
      { mayRace },
    );
    const { nonce, supernode, versions } = await hello;
    if (supernode !== this.supernodeId) throw this.#unreachable('it claims another key than the list names');
    if (!versions.includes(CONTROL_VERSION)) throw this.#unreachable('it speaks no version that we do');
    await this.#prove(nonce);
    const pingedAt = performance.now();
    await this.#request({ t: 'ping', id: this.#nextRequestId++ }, 'pong', ANSWER_TIMEOUT_MS);
    this.rttMs = performance.now() - pingedAt;
  }

  async #prove(serverNonce: string): Promise<void> {
    const { keys, chain, directory, deviceId } = this.profile;
    const clientNonce = randomBytes(16).toString('base64url');
    const proof = await signObject(
      AttachProof,
      {
        label: 'overcall attach',
        versions: [CONTROL_VERSION],
        serverNonce,
        clientNonce,
        endpoint: this.#endpoint,
      },
      keys.device,
      { audience: this.supernodeId, nowMs: Date.now(), lifetimeS: ATTACH_PROOF_LIFETIME_S },
    );
    const attached = this.#answer('attached', ANSWER_TIMEOUT_MS);
    this.#link!.send({ t: 'attach', chain, proof });
    const { receipt, listVersion = 0, load = null } = await attached;
    const claims = await verifyObject(AttachReceipt, receipt, this.entry.key, {
      audience: directory.keyId,
      nowMs: Date.now(),
    });
    if (claims.clientNonce !== clientNonce || claims.device !== deviceId) {
      throw this.#unreachable('its receipt is for somebody else');
    }
    this.receipt = receipt;
    this.#listVersion = listVersion;
    this.load = load;
  }

  get isOpen(): boolean {
    return this.#link !== null;
  }

  /** Of the supernode list that it had when we attached; 0 for none. */
  get listVersion(): number {
    return this.#listVersion;
  }

  send(message: ClientMessage): void {
    this.#link?.send(message);
  }

  lookup(name: string): Promise<LookupResult> {
    return this.#request(
      { t: 'lookup', id: this.#nextRequestId++, name },
      'lookup-result',
      LOOKUP_TIMEOUT_MS,
    );
  }

  /** Resolves once the other party has opened its side as well. */
  openRelay(flow: {
    peer: string;
    receiveFlow: number;
    sendFlow: number;
    confirmable: boolean;
    next?: string[];
  }): Promise<RelayOpened> {
    const id = this.#nextRequestId++;
    return this.#request({ t: 'relay-open', id, ...flow }, 'relay-opened', RELAY_OPEN_TIMEOUT_MS);
  }

  /** Opens a flow from this softphone to itself, which shows whether the relay works. */
  openProbe(flow: FlowId): Promise<RelayOpened> {
    const id = this.#nextRequestId++;
    return this.#request({ t: 'probe-open', id, flow }, 'relay-opened', ANSWER_TIMEOUT_MS);
  }

  /** Any answer comes as `onHeard`. */
  ping(): void {
    this.send({ t: 'ping', id: this.#nextRequestId++ });
  }

  /** What is known of the links between these supernodes, by their places in the question. */
  askMeasurements(supernodes: readonly string[]): Promise<MeasurementsResult> {
    const message = { t: 'measurements' as const, id: this.#nextRequestId++, supernodes: [...supernodes] };
    return this.#request(message, 'measurements-result', ANSWER_TIMEOUT_MS);
  }

  /** Whether the other party of a relay flow is bound from that IP address. */
  confirmPeer(flow: { receiveFlow: number; sendFlow: number; address: string }): Promise<PeerConfirmed> {
    const id = this.#nextRequestId++;
    return this.#request({ t: 'confirm-peer', id, ...flow }, 'peer-confirmed', ANSWER_TIMEOUT_MS);
  }

  close(): void {
    this.#link?.close();
    this.#link = null;
  }

  #request<T extends SupernodeMessage['t']>(
    message: ClientMessage & { id: number },
    type: T,
    timeoutMs: number,
  ): Promise<Extract<SupernodeMessage, { t: T }>> {
    const answer = this.#answer(`${type} ${message.id}`, timeoutMs);
    this.send(message);
    return answer as Promise<Extract<SupernodeMessage, { t: T }>>;
  }

  /** Waits for the message that `key` names: its type, and its id where it has one. */
  #answer<T extends SupernodeMessage['t']>(
    key: T | `${T} ${number}`,
    timeoutMs: number,
  ): Promise<Extract<SupernodeMessage, { t: T }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(this.#unreachable('it does not answer')), timeoutMs);
      timer.unref();
      const settle = (outcome: SupernodeMessage | OvercallError) => {
        clearTimeout(timer);
        this.#answers.delete(key);
        if (outcome instanceof OvercallError) reject(outcome);
        else if (outcome.t === 'refused') reject(new RefusedError(outcome));
        else if (outcome.t === 'relay-failed') reject(new OvercallError(outcome.code, outcome.message));
        else resolve(outcome as Extract<SupernodeMessage, { t: T }>);
      };
      this.#answers.set(key, settle);
    });
  }

  #handleMessage(message: SupernodeMessage): void {
    if (this.#stands) this.#handlers.onHeard(this);
    if (message.t === 'refused') this.#handleRefused(message);
    else if (message.t === 'move') this.#whenStanding((handlers) => handlers.onMove(this, message));
    else if (message.t === 'relay-failed') this.#answers.get(`relay-opened ${message.id}`)?.(message);
    else if (message.t === 'signal') this.#whenStanding((handlers) => handlers.onSignal(this, message));
    else if (message.t === 'signal-failed')
      this.#whenStanding((handlers) => handlers.onUndeliverable(this, message));
    else if (message.t === 'list') this.#whenStanding((handlers) => handlers.onList(this, message.version));
    else this.#answers.get('id' in message ? `${message.t} ${message.id}` : message.t)?.(message);
  }

  /** Now, or when it stands. */
  #whenStanding(tell: (handlers: AttachmentHandlers) => void): void {
    if (this.#stands) tell(this.#handlers);
    else if (this.receipt !== '' && this.#early.length < MAX_EARLY) this.#early.push(tell);
  }

  #handleRefused(message: Extract<SupernodeMessage, { t: 'refused' }>): void {
    if (this.#stands) this.#handlers.onRefused(this, new RefusedError(message));
    else for (const settle of [...this.#answers.values()]) settle(message);
  }

  #handleClose(): void {
    this.#link = null;
    const gone = this.#unreachable('it closed the connection');
    for (const settle of [...this.#answers.values()]) settle(gone);
    if (this.#stands) this.#handlers.onClose(this);
  }

  #unreachable(why: string): OvercallError {
    return new OvercallError('supernode-unreachable', `supernode ${this.entry.name} cannot be used: ${why}`);
  }
}
