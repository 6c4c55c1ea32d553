import { equalBytes, type FlowId } from '@overcall/wire';
import { RelayBinding } from './relay-binding.ts';

/**
 * How one route reaches its first relay: over UDP where that works, else over a stream (a WebSocket of its own). The relay sends
 * to where the flow was bound last, so this is each side's own affair, and the peer does not notice.
 *
 * Life: `start` binds over UDP at once, while the driver opens the stream if there is haste. UDP that does not answer is overtaken by the
 * stream; UDP that answers later takes over again. `suspect` asks UDP for a sign of life when audio is missing.
 */

export type RelayTransport = 'udp' | 'tcp';

/** UDP has so many round trips to answer, and this many when it has challenged us. */
const FIRST_ANSWER_ROUND_TRIPS = 1.5;
const BIND_ROUND_TRIPS = 2.5;
/** After that, and so many ms, the stream is opened; and bound after these: a busy machine is late, too. */
const OPEN_AFTER_MS = 40;
const OVERTAKE_AFTER_MS = 100;
/** Round trip to the relay that is assumed before it was measured, ms. */
const UNKNOWN_RTT_MS = 100;
/**
 * A stream that has not answered for so long, beyond the same patience, is made anew, ms: one retransmission of TCP. Twice as
 * long for each that never answered, up to the last.
 */
const STREAM_PATIENCE_MS = 500;
const STREAM_PATIENCE_LAST_MS = 8000;
/** Over TCP, UDP is tried again after the first of these, each time later, up to the last, ms. */
const RETRY_FIRST_MS = 5000;
const RETRY_LAST_MS = 60_000;
/** And each time for so long, ms; the first time for the longer one, because it may only be late. */
const ATTEMPT_MS = 1500;
const FIRST_ATTEMPT_MS = 3000;
/** UDP that lasted this long is trusted again: when it fails next, it is soon retried, ms. */
const TRUSTED_AFTER_MS = 30_000;
/** The stream is closed when UDP has been there for so long, ms. */
const STREAM_REST_MS = 2000;
/** A suspected relay is asked no more often than this, ms: 45 bytes, and a wrong suspicion must not hide a right one. */
const SUSPECT_INTERVAL_MS = 250;

interface BindRequest {
  transport: RelayTransport;
  datagram: Uint8Array;
}
const NOTHING: readonly BindRequest[] = [];

export class RelayAccess {
  /** Where the relay sends to now; null while there is no way. */
  active: RelayTransport | null = null;
  /** Whether the stream is to be open. */
  wantsStream: boolean;
  readonly #bindKey: Uint8Array;
  readonly #udp: RelayBinding;
  readonly #tcp: RelayBinding;
  readonly #assumedRttMs: number;
  #sequence = 0n;
  #isStreamOpen = false;
  #wantsNewStream = false;
  /** Since when UDP is being asked; null while it is bound or left alone. */
  #udpAskedAtMs: number | null = null;
  #udpBoundAtMs: number | null = null;
  #attemptEndsAtMs = Number.POSITIVE_INFINITY;
  #retryAtMs = Number.POSITIVE_INFINITY;
  #retryMs = RETRY_FIRST_MS;
  /** UDP has taken over from the stream before. */
  #cameBack = false;
  #tcpAskedAtMs = 0;
  #streamPatienceMs = STREAM_PATIENCE_MS;
  #suspectedAtMs = Number.NEGATIVE_INFINITY;

  /** @param options.isHasty the stream is opened beside UDP; without that, when UDP does not answer */
  constructor(options: {
    flowId: FlowId;
    bindKey: Uint8Array;
    rttMs?: number | undefined;
    isHasty?: boolean;
  }) {
    const { flowId, bindKey, isHasty = true } = options;
    this.wantsStream = isHasty;
    this.#bindKey = bindKey;
    this.#assumedRttMs = options.rttMs ?? UNKNOWN_RTT_MS;
    const nextSequence = () => ++this.#sequence;
    const binding = { flowId, bindKey, nextSequence, assumedRttMs: options.rttMs ?? 0 };
    this.#udp = new RelayBinding(binding);
    this.#tcp = new RelayBinding(binding);
  }

  /** The same key is the same flow at the same relay: the binding goes on, with the sequence that the relay remembers. */
  isFor(bindKey: Uint8Array): boolean {
    return equalBytes(this.#bindKey, bindKey);
  }

  /** Begins, or begins again. */
  start(nowMs: number): void {
    this.#askUdp(nowMs);
    if (this.active === 'tcp') this.#askTcp(nowMs);
  }

  /** Audio or answers are missing: asks the relay whether it is still there. */
  suspect(nowMs: number): void {
    if (nowMs < this.#suspectedAtMs + SUSPECT_INTERVAL_MS || this.active === null) return;
    this.#suspectedAtMs = nowMs;
    if (this.active === 'tcp' && this.#tcp.state === 'bound') this.#askTcp(nowMs);
    if (this.#udp.state !== 'binding') this.#askUdp(nowMs);
    this.#review(nowMs);
  }

  /** This machine has other addresses: UDP may be there, or gone. */
  handleNetworkChange(nowMs: number): void {
    this.#retryMs = RETRY_FIRST_MS;
    this.#streamPatienceMs = STREAM_PATIENCE_MS;
    this.#suspectedAtMs = Number.NEGATIVE_INFINITY;
    this.suspect(nowMs);
  }

  /**
   * The peer answered a ping that went this way at that time. While nothing else was asked for, that was over UDP: what the relay said to us
   * was lost, and UDP is well.
   */
  noteAnswered(pingSentAtMs: number, nowMs: number): void {
    const { active } = this;
    if (active !== 'udp' || this.#udpAskedAtMs === null || pingSentAtMs < this.#udpAskedAtMs) return;
    if (this.#tcp.state !== 'unbound') return;
    this.#udp.confirm();
    this.#review(nowMs);
  }

  handleStream(isOpen: boolean, nowMs: number): void {
    this.#isStreamOpen = isOpen;
    if (isOpen && this.active === 'tcp') this.#askTcp(nowMs);
    if (!isOpen) {
      this.#tcp.stop();
      if (this.active === 'tcp') {
        this.active = null;
        this.#askUdp(nowMs);
      }
    }
    this.#review(nowMs);
  }

  handleDatagram(transport: RelayTransport, datagram: Uint8Array, nowMs: number): void {
    if (transport === 'udp') this.#udp.handleDatagram(datagram, nowMs);
    else this.#handleStreamDatagram(datagram, nowMs);
    this.#review(nowMs);
  }

  #handleStreamDatagram(datagram: Uint8Array, nowMs: number): void {
    const wasBound = this.#tcp.state === 'bound';
    this.#tcp.handleDatagram(datagram, nowMs);
    // The relay has forgotten the flow: it has as long to answer as if it were asked on suspicion.
    if (wasBound && this.#tcp.state === 'binding') this.#tcpAskedAtMs = nowMs;
    if (this.#tcp.state === 'bound') this.#streamPatienceMs = STREAM_PATIENCE_MS;
  }

  /** Bind requests to send. */
  poll(): readonly BindRequest[] {
    const [udp, tcp] = [this.#udp.poll(), this.#tcp.poll()];
    if (udp.length === 0 && tcp.length === 0) return NOTHING;
    return [
      ...udp.map((datagram) => ({ transport: 'udp' as const, datagram })),
      ...tcp.map((datagram) => ({ transport: 'tcp' as const, datagram })),
    ];
  }

  /** True once when the stream is to be closed and opened again: it is there, but dead. */
  takeNewStream(): boolean {
    const wants = this.#wantsNewStream;
    this.#wantsNewStream = false;
    return wants;
  }

  get deadline(): number {
    let deadline = Math.min(this.#udp.deadline, this.#tcp.deadline);
    if (this.active === 'tcp') deadline = Math.min(deadline, this.#attemptEndsAtMs, this.#retryAtMs);
    else if (this.#udpAskedAtMs !== null && this.#tcp.state === 'unbound') {
      if (!this.wantsStream) deadline = Math.min(deadline, this.#udpDueAtMs + OPEN_AFTER_MS);
      else if (this.#isStreamOpen) deadline = Math.min(deadline, this.#udpDueAtMs + OVERTAKE_AFTER_MS);
    }
    if (this.#tcp.state === 'binding') deadline = Math.min(deadline, this.#tcpOverdueAtMs);
    if (this.#isSettled && this.wantsStream)
      deadline = Math.min(deadline, this.#udpBoundAtMs! + STREAM_REST_MS);
    return deadline;
  }

  handleTimeout(nowMs: number): void {
    this.#udp.handleTimeout(nowMs);
    this.#tcp.handleTimeout(nowMs);
    this.#review(nowMs);
  }

  get #rttMs(): number {
    return this.#udp.rttMs ?? this.#tcp.rttMs ?? this.#assumedRttMs;
  }

  /** When UDP that has been asked should have answered; Infinity when it was not asked. */
  get #udpDueAtMs(): number {
    if (this.#udpAskedAtMs === null) return Number.POSITIVE_INFINITY;
    const roundTrips = this.#udp.hasAnswer ? BIND_ROUND_TRIPS : FIRST_ANSWER_ROUND_TRIPS;
    return this.#udpAskedAtMs + roundTrips * this.#rttMs;
  }

  /** Bound over UDP, and nobody doubts it. */
  get #isSettled(): boolean {
    return this.active === 'udp' && this.#udpAskedAtMs === null;
  }

  get #tcpOverdueAtMs(): number {
    return this.#tcpAskedAtMs + this.#streamPatienceMs + BIND_ROUND_TRIPS * this.#rttMs;
  }

  #askUdp(nowMs: number): void {
    // Bound by an old cookie, UDP that only goes out would take the flow away from the stream.
    if (this.active !== 'udp') this.#udp.forgetCookie();
    this.#udp.start(nowMs, { isUrgent: this.active !== 'tcp' });
    this.#udpAskedAtMs = nowMs;
    this.#udpBoundAtMs = this.active === 'udp' ? this.#udpBoundAtMs : null;
    this.#retryAtMs = Number.POSITIVE_INFINITY;
    this.#attemptEndsAtMs = nowMs + ATTEMPT_MS;
  }

  #askTcp(nowMs: number): void {
    this.#tcp.start(nowMs);
    this.#tcpAskedAtMs = nowMs;
    this.#udp.forgetCookie();
  }

  /** Draws the conclusions, after every input. */
  #review(nowMs: number): void {
    if (this.#udp.state === 'bound' && this.#udpAskedAtMs !== null) this.#useUdp(nowMs);
    else if (this.#tcp.state === 'bound' && this.active !== 'tcp') this.#useTcp(nowMs);
    if (this.active === 'tcp') this.#retryUdp(nowMs);
    else this.#overtakeIfLate(nowMs);
    if (this.#tcp.state === 'binding' && nowMs >= this.#tcpOverdueAtMs) this.#renewStream(nowMs);
    if (this.#isSettled && nowMs >= this.#udpBoundAtMs! + STREAM_REST_MS) this.wantsStream = false;
  }

  #useUdp(nowMs: number): void {
    if (this.#tcp.state === 'binding') {
      // Whichever request came last has the flow: so that it is this one, once more.
      this.#tcp.stop();
      this.#askUdpOnce(nowMs);
      return;
    }
    // What came through late was asked before the stream was bound: that is where the relay sends to.
    if (this.#tcp.state === 'bound' && this.#tcp.boundSequence > this.#udp.boundSequence) {
      this.#askUdpOnce(nowMs);
      return;
    }
    this.#tcp.stop();
    this.#udpAskedAtMs = null;
    if (this.active !== 'udp') this.#udpBoundAtMs = nowMs;
    if (this.active === 'tcp') this.#cameBack = true;
    this.active = 'udp';
  }

  #useTcp(nowMs: number): void {
    const lastedMs = this.#udpBoundAtMs === null ? 0 : nowMs - this.#udpBoundAtMs;
    if (lastedMs >= TRUSTED_AFTER_MS) {
      this.#retryMs = RETRY_FIRST_MS;
      this.#cameBack = false;
    }
    this.active = 'tcp';
    this.#udpBoundAtMs = null;
    // UDP that came back and did not last is left alone at once.
    this.#attemptEndsAtMs = this.#cameBack ? nowMs : (this.#udpAskedAtMs ?? nowMs) + FIRST_ATTEMPT_MS;
  }

  #askUdpOnce(nowMs: number): void {
    this.#udp.start(nowMs);
    this.#udpAskedAtMs = nowMs;
  }

  #overtakeIfLate(nowMs: number): void {
    const lateMs = nowMs - this.#udpDueAtMs;
    if (lateMs >= OPEN_AFTER_MS) this.wantsStream = true;
    const mayAsk = this.#isStreamOpen && this.#tcp.state === 'unbound';
    if (lateMs >= OVERTAKE_AFTER_MS && mayAsk) this.#askTcp(nowMs);
  }

  #retryUdp(nowMs: number): void {
    if (nowMs >= this.#attemptEndsAtMs) {
      this.#udp.stop();
      this.#udpAskedAtMs = null;
      this.#attemptEndsAtMs = Number.POSITIVE_INFINITY;
      this.#retryAtMs = nowMs + this.#retryMs;
      this.#retryMs = Math.min(RETRY_LAST_MS, this.#retryMs * 2);
      // It was stopped in favour of UDP, which answered and then did not: the relay may send there.
      if (this.#tcp.state === 'unbound') this.#askTcp(nowMs);
    } else if (nowMs >= this.#retryAtMs) this.#askUdp(nowMs);
  }

  #renewStream(nowMs: number): void {
    this.#tcp.stop();
    this.#wantsNewStream = true;
    this.#isStreamOpen = false;
    this.#tcpAskedAtMs = nowMs;
    this.#streamPatienceMs = Math.min(STREAM_PATIENCE_LAST_MS, this.#streamPatienceMs * 2);
    if (this.active === 'tcp') this.active = null;
    if (this.#udp.state !== 'binding') this.#askUdp(nowMs);
  }
}
