import { randomBytes } from 'node:crypto';
import {
  ATTACH_PROOF_LIFETIME_S,
  AttachProof,
  AttachReceipt,
  keyIdOf,
  PRESENCE_LIFETIME_S,
  PresenceRecord,
  type SupernodeEntry,
  signObject,
  verifyObject,
} from '@overcall/identity';
import { type ControlLink, connectControl } from '@overcall/net';
import {
  CALL_VERSIONS,
  type ClientMessage,
  CONTROL_VERSION,
  OvercallError,
  type SupernodeMessage,
} from '@overcall/wire';
import type { Profile } from './profile.ts';

/** How long a supernode may take for each step of attaching, or to answer a request, ms. */
const ANSWER_TIMEOUT_MS = 5000;
/** How long a supernode may take to say whether somebody is attached to it, ms. */
const LOOKUP_TIMEOUT_MS = 2000;
/** A relay waits for the other party to open its side too, ms. */
const RELAY_OPEN_TIMEOUT_MS = 30_000;

type LookupResult = Extract<SupernodeMessage, { t: 'lookup-result' }>;
type PeerConfirmed = Extract<SupernodeMessage, { t: 'peer-confirmed' }>;
type RelayOpened = Extract<SupernodeMessage, { t: 'relay-opened' }>;

/** Called only once the attachment stands, so with nothing that a supernode says before it has proven itself. */
export interface AttachmentHandlers {
  onSignal(attachment: Attachment, message: Extract<SupernodeMessage, { t: 'signal' }>): void;
  onUndeliverable(attachment: Attachment, message: Extract<SupernodeMessage, { t: 'signal-failed' }>): void;
  /** There is a supernode list of this version; the supernode serves it. */
  onList(attachment: Attachment, version: number): void;
  /** It stood, and the supernode does not want it any more, or not what it announced. */
  onRefused(attachment: Attachment, refusal: OvercallError): void;
  onClose(attachment: Attachment): void;
}

/** One attached control connection to one supernode. */
export class Attachment {
  readonly entry: SupernodeEntry;
  readonly supernodeId: string;
  /** Round trip over the control connection when it was made, ms. */
  rttMs = 0;
  /** The supernode's signed word that this device is attached: shown to the directory for lookups. */
  receipt = '';
  readonly #profile: Profile;
  readonly #endpoint: string;
  readonly #handlers: AttachmentHandlers;
  readonly #answers = new Map<string, (outcome: SupernodeMessage | OvercallError) => void>();
  #link: ControlLink | null = null;
  #stands = false;
  #listVersion = 0;
  #presenceSeq = 0;
  #nextRequestId = 1;
  #presenceTimer: NodeJS.Timeout | undefined;

  private constructor(
    entry: SupernodeEntry,
    supernodeId: string,
    profile: Profile,
    endpoint: string,
    handlers: AttachmentHandlers,
  ) {
    this.entry = entry;
    this.supernodeId = supernodeId;
    this.#profile = profile;
    this.#endpoint = endpoint;
    this.#handlers = handlers;
  }

  /**
   * Connects, proves who we are and checks that the supernode holds the key that the list names.
   * @throws OvercallError `supernode-unreachable`, or the code with which the supernode refused
   */
  static async open(
    entry: SupernodeEntry,
    profile: Profile,
    endpoint: string,
    handlers: AttachmentHandlers,
  ): Promise<Attachment> {
    const attachment = new Attachment(entry, await keyIdOf(entry.key), profile, endpoint, handlers);
    try {
      await attachment.#attach();
      if (attachment.#link === null) throw attachment.#unreachable('it closed the connection');
      attachment.#stands = true;
      return attachment;
    } catch (error) {
      attachment.close();
      throw error;
    }
  }

  async #attach(): Promise<void> {
    const hello = this.#answer('hello', ANSWER_TIMEOUT_MS);
    hello.catch(() => {});
    this.#link = await connectControl(
      { address: this.entry.control[0]!, tlsSha256: this.entry.tlsSha256 },
      { onMessage: (message) => this.#handleMessage(message), onClose: () => this.#handleClose() },
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
    const { keys, chain, directory, deviceId } = this.#profile;
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
    const { receipt, listVersion = 0 } = await attached;
    const claims = await verifyObject(AttachReceipt, receipt, this.entry.key, {
      audience: directory.keyId,
      nowMs: Date.now(),
    });
    if (claims.clientNonce !== clientNonce || claims.device !== deviceId) {
      throw this.#unreachable('its receipt is for somebody else');
    }
    this.receipt = receipt;
    this.#listVersion = listVersion;
  }

  get isOpen(): boolean {
    return this.#link !== null;
  }

  /** Of the supernode list that it had when we attached; 0 for none. */
  get listVersion(): number {
    return this.#listVersion;
  }

  /** Announces this endpoint for incoming calls, and again before the record runs out. */
  async present(accepts: boolean): Promise<void> {
    const { keys, name, deviceId, directory } = this.#profile;
    const nowMs = Date.now();
    // Grows even when somebody sets the clock back.
    this.#presenceSeq = Math.max(this.#presenceSeq + 1, nowMs);
    const record = await signObject(
      PresenceRecord,
      {
        name,
        device: deviceId,
        endpoint: this.#endpoint,
        supernodes: [this.supernodeId],
        seq: this.#presenceSeq,
        accepts,
        versions: [...CALL_VERSIONS],
      },
      keys.device,
      { audience: directory.keyId, nowMs, lifetimeS: PRESENCE_LIFETIME_S },
    );
    if (this.#link === null) return;
    this.#link.send({ t: 'present', record });
    clearTimeout(this.#presenceTimer);
    this.#presenceTimer = setTimeout(() => void this.present(accepts), (PRESENCE_LIFETIME_S * 1000) / 2);
    this.#presenceTimer.unref();
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
    next?: string[];
  }): Promise<RelayOpened> {
    const id = this.#nextRequestId++;
    return this.#request({ t: 'relay-open', id, ...flow }, 'relay-opened', RELAY_OPEN_TIMEOUT_MS);
  }

  /** Whether the other party of a relay flow is bound from that IP address. */
  confirmPeer(flow: { receiveFlow: number; sendFlow: number; address: string }): Promise<PeerConfirmed> {
    const id = this.#nextRequestId++;
    return this.#request({ t: 'confirm-peer', id, ...flow }, 'peer-confirmed', ANSWER_TIMEOUT_MS);
  }

  close(): void {
    clearTimeout(this.#presenceTimer);
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
        else if (outcome.t === 'refused') reject(refusal(outcome));
        else if (outcome.t === 'relay-failed') reject(new OvercallError(outcome.code, outcome.message));
        else resolve(outcome as Extract<SupernodeMessage, { t: T }>);
      };
      this.#answers.set(key, settle);
    });
  }

  #handleMessage(message: SupernodeMessage): void {
    if (message.t === 'refused') this.#handleRefused(message);
    else if (message.t === 'relay-failed') this.#answers.get(`relay-opened ${message.id}`)?.(message);
    else if (message.t === 'signal') this.#ifStanding((handlers) => handlers.onSignal(this, message));
    else if (message.t === 'signal-failed')
      this.#ifStanding((handlers) => handlers.onUndeliverable(this, message));
    else if (message.t === 'list') this.#ifStanding((handlers) => handlers.onList(this, message.version));
    else this.#answers.get('id' in message ? `${message.t} ${message.id}` : message.t)?.(message);
  }

  #ifStanding(tell: (handlers: AttachmentHandlers) => void): void {
    if (this.#stands) tell(this.#handlers);
  }

  #handleRefused(message: Extract<SupernodeMessage, { t: 'refused' }>): void {
    const waiting = this.#answers.get('attached');
    if (waiting !== undefined) waiting(message);
    else this.#ifStanding((handlers) => handlers.onRefused(this, refusal(message)));
  }

  #handleClose(): void {
    this.#link = null;
    clearTimeout(this.#presenceTimer);
    const gone = this.#unreachable('it closed the connection');
    for (const settle of [...this.#answers.values()]) settle(gone);
    this.#ifStanding((handlers) => handlers.onClose(this));
  }

  #unreachable(why: string): OvercallError {
    return new OvercallError('supernode-unreachable', `supernode ${this.entry.name} cannot be used: ${why}`);
  }
}

function refusal({ code, message }: { code: string; message: string }): OvercallError {
  return new OvercallError(code, message);
}
