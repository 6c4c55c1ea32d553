import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import {
  BIND_ACK_MACED_BYTES,
  BIND_MAC_BYTES,
  type BindMac,
  COOKIE_BYTES,
  DatagramType,
  equalBytes,
  type FlowId,
  readBindAck,
  readBindChallenge,
  writeBindRequest,
} from '@overcall/wire';

/** A request or its answer may be lost: so many more go out soon after the first one, so far apart, ms. */
const QUICK_REQUESTS = 3;
const QUICK_APART_MS = 80;
/** The next one, ms, and in round trips; doubles up to the last. */
const RETRANSMIT_FIRST_MS = 200;
const RETRANSMIT_FIRST_ROUND_TRIPS = 1.5;
const RETRANSMIT_LAST_MS = 800;
/** Requests whose answers are still taken: more than are out within the longest round trip. */
const MAX_ASKED = 8;
/** Challenges answered for each request of ours, so that forged ones cannot make us chatter. */
const MAX_CHALLENGES_PER_ATTEMPT = 4;

const NOTHING: readonly Uint8Array[] = [];

export type BindState = 'unbound' | 'binding' | 'bound';

/** The client's half of binding one flow at a relay (see bind.ts in packages/wire for the messages). */
export class RelayBinding {
  state: BindState = 'unbound';
  deadline = Number.POSITIVE_INFINITY;
  /** The relay has answered since `start`: what it says comes through. */
  hasAnswer = false;
  /** Round trip to the relay of the last successful bind, ms. */
  rttMs: number | null = null;
  readonly flowId: FlowId;
  readonly #mac: BindMac;
  readonly #nextSequence: () => bigint;
  readonly #outputs: Uint8Array[] = [];
  /** Sequence of the request by which it was bound last. */
  boundSequence = 0n;
  /** Requests with the present cookie, since `start`: an answer to any of them counts, for they all come from here. */
  #asked: { sequence: bigint; sentAtMs: number }[] = [];
  #cookie: Uint8Array = new Uint8Array(COOKIE_BYTES);
  #quickLeft = QUICK_REQUESTS;
  readonly #assumedRttMs: number;
  #retransmitMs = RETRANSMIT_FIRST_MS;
  #challenges = 0;

  /**
   * @param options.nextSequence grows with each call, over all ways by which this flow is bound
   * @param options.assumedRttMs to the relay, before it is measured
   */
  constructor(options: {
    flowId: FlowId;
    bindKey: Uint8Array;
    nextSequence: () => bigint;
    assumedRttMs?: number;
  }) {
    this.#assumedRttMs = options.assumedRttMs ?? 0;
    this.flowId = options.flowId;
    this.#nextSequence = options.nextSequence;
    this.#mac = (bytes) => hmac(sha256, options.bindKey, bytes);
  }

  /** Datagrams to send to the relay. */
  poll(): readonly Uint8Array[] {
    return this.#outputs.length === 0 ? NOTHING : this.#outputs.splice(0);
  }

  /**
   * Begins, or begins again: the mapping of a NAT may have changed.
   * @param options.isUrgent something waits for it: asks several times in a row
   */
  start(nowMs: number, { isUrgent = true } = {}): void {
    this.state = 'binding';
    this.hasAnswer = false;
    this.#asked = [];
    this.#quickLeft = isUrgent ? QUICK_REQUESTS : 0;
    this.#retransmitMs = this.#firstRetransmitMs;
    this.#challenges = 0;
    this.#request(nowMs);
  }

  get #firstRetransmitMs(): number {
    return Math.max(RETRANSMIT_FIRST_MS, RETRANSMIT_FIRST_ROUND_TRIPS * (this.rttMs ?? this.#assumedRttMs));
  }

  /** Gives up; what was bound stays so at the relay until something else is. */
  stop(): void {
    this.state = 'unbound';
    this.deadline = Number.POSITIVE_INFINITY;
  }

  /** The relay will hold no request valid before it has challenged anew, and that has come through. */
  forgetCookie(): void {
    this.#cookie = new Uint8Array(COOKIE_BYTES);
  }

  /** The peer answers over what was bound: that it is, is as certain as if the relay had said so. */
  confirm(): void {
    this.state = 'bound';
    this.deadline = Number.POSITIVE_INFINITY;
  }

  #request(nowMs: number): void {
    const sequence = this.#nextSequence();
    this.#asked.push({ sequence, sentAtMs: nowMs });
    if (this.#asked.length > MAX_ASKED) this.#asked.shift();
    this.deadline = nowMs + (this.#quickLeft > 0 ? QUICK_APART_MS : this.#retransmitMs);
    const request = { flowId: this.flowId, sequence, cookie: this.#cookie };
    this.#outputs.push(writeBindRequest(request, this.#mac));
  }

  handleTimeout(nowMs: number): void {
    if (this.state !== 'binding' || nowMs < this.deadline) return;
    if (this.#quickLeft > 0) this.#quickLeft--;
    else
      this.#retransmitMs = Math.max(
        this.#firstRetransmitMs,
        Math.min(this.#retransmitMs * 2, RETRANSMIT_LAST_MS),
      );
    this.#challenges = 0;
    this.#request(nowMs);
  }

  /** A datagram from the relay. */
  handleDatagram(datagram: Uint8Array, nowMs: number): void {
    if (datagram[0] === DatagramType.BindChallenge) this.#handleChallenge(datagram, nowMs);
    else if (datagram[0] === DatagramType.BindAck) this.#handleAck(datagram, nowMs);
  }

  #handleChallenge(datagram: Uint8Array, nowMs: number): void {
    const challenge = readBindChallenge(datagram);
    if (challenge === null || challenge.flowId !== this.flowId || this.state === 'unbound') return;
    const drawnByMedia = challenge.echo === 0n;
    if (!drawnByMedia && !this.#asked.some(({ sequence }) => sequence === challenge.echo)) return;
    if (drawnByMedia && this.state === 'bound') {
      this.state = 'binding';
      this.#retransmitMs = this.#firstRetransmitMs;
      this.#challenges = 0;
    }
    if (++this.#challenges > MAX_CHALLENGES_PER_ATTEMPT) return;
    if (!drawnByMedia) this.hasAnswer = true;
    this.#cookie = challenge.cookie.slice();
    // Further challenges are answers to what was asked without it.
    this.#asked = [];
    this.#quickLeft = QUICK_REQUESTS;
    this.#request(nowMs);
  }

  #handleAck(datagram: Uint8Array, nowMs: number): void {
    const ack = readBindAck(datagram);
    const asked = this.#asked.find(({ sequence }) => sequence === ack?.sequence);
    if (ack === null || this.state !== 'binding' || asked === undefined) return;
    const expected = this.#mac(datagram.subarray(0, BIND_ACK_MACED_BYTES)).subarray(0, BIND_MAC_BYTES);
    if (ack.flowId !== this.flowId || !equalBytes(expected, ack.mac)) return;
    this.state = 'bound';
    this.deadline = Number.POSITIVE_INFINITY;
    this.boundSequence = ack.sequence;
    this.rttMs = nowMs - asked.sentAtMs;
  }
}
