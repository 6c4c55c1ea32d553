import {
  CHECK_DATAGRAM_BYTES,
  CHECK_HEADER_BYTES,
  DatagramType,
  equalBytes,
  type FlowId,
  readCheckHeader,
  writeCheckDatagram,
} from '@overcall/wire';
import { RelayBinding } from './relay-binding.ts';

/** Time between two rounds, spread by a tenth, ms. */
const INTERVAL_MS = 3000;
const SPREAD = 0.1;
/** In a round that is not answered another probe follows after this, ms: a supernode takes two a second. */
const AGAIN_MS = 500;
/** A round is suspect after this, and TCP is tried as well; after the last it has failed, ms. With the interval: noticed in 8.3 s. */
const SUSPECT_MS = 1000;
const SUSPECT_ROUND_TRIPS = 4;
const FAILED_MS = 5000;
/** A supernode that opens no flow to oneself is asked again after this, ms. */
const REFUSED_INTERVAL_MS = 30_000;
/** Where UDP did not work it is tried again once in so many rounds. */
const UDP_AGAIN_ROUNDS = 10;

export type ProbeTransport = 'udp' | 'tcp';

export type ProbeOutput =
  /** Ask for the flow (`probe-open`); the answer is {@link RelayProbe.handleOpened}. */
  | { type: 'open' }
  | { type: 'send'; transport: ProbeTransport; datagram: Uint8Array }
  /** The datagram connection is needed, or not any more. */
  | { type: 'stream'; wanted: boolean }
  /** No probe has come back for a moment: something may be wrong. */
  | { type: 'suspect' }
  /** What a round has shown. */
  | { type: 'works'; transport: ProbeTransport }
  | { type: 'fails' }
  /** The supernode has no such flows. */
  | { type: 'unprovable' };

/**
 * Finds out, again and again, whether a supernode relays: a datagram on a flow from this softphone to itself has to come
 * back through the relay's ordinary way. Over UDP; where that does not work, over a datagram connection.
 */
export class RelayProbe {
  readonly flow: FlowId;
  readonly #random: (bytes: number) => Uint8Array;
  readonly #bindings: Record<ProbeTransport, RelayBinding | null> = { udp: null, tcp: null };
  readonly #hasUdp: boolean;
  readonly #outputs: ProbeOutput[] = [];
  readonly #suspectMs: number;
  #bindKey: Uint8Array | null = null;
  #sequence = 0n;
  #counter = 0;
  /** Payloads on their way in this round. */
  #probes: Uint8Array[] = [];
  #isNeeded = true;
  /** Null between rounds. */
  #startedAtMs: number | null = null;
  #nextAtMs: number;
  #isSuspect = false;
  #isStreamWanted = false;
  #isStreamOpen = false;
  #roundsWithoutUdp = 0;

  /** @param options.hasUdp whether this machine has a socket for an address of the supernode */
  constructor(options: {
    flow: FlowId;
    random: (bytes: number) => Uint8Array;
    hasUdp: boolean;
    rttMs: number;
    nowMs: number;
  }) {
    this.flow = options.flow;
    this.#random = options.random;
    this.#hasUdp = options.hasUdp;
    this.#suspectMs = SUSPECT_MS + SUSPECT_ROUND_TRIPS * options.rttMs;
    this.#nextAtMs = options.nowMs;
  }

  poll(): ProbeOutput[] {
    return this.#outputs.splice(0);
  }

  get deadline(): number {
    if (!this.#isNeeded) return Number.POSITIVE_INFINITY;
    const { udp, tcp } = this.#bindings;
    return Math.min(this.#nextAtMs, udp?.deadline ?? this.#nextAtMs, tcp?.deadline ?? this.#nextAtMs);
  }

  /** In a call the pings of its paths tell as much: no probes then. */
  setNeeded(isNeeded: boolean, nowMs: number): void {
    if (isNeeded === this.#isNeeded) return;
    this.#isNeeded = isNeeded;
    this.#endRound(nowMs);
    if (!isNeeded) this.#wantStream(false);
  }

  /** There is a reason to look now rather than with the next round. */
  hurry(nowMs: number): void {
    if (this.#isNeeded && this.#startedAtMs === null) this.#nextAtMs = nowMs;
  }

  /** The supernode opened the flow. */
  handleOpened(bindKey: Uint8Array, nowMs: number): void {
    if (this.#bindKey === null || !equalBytes(this.#bindKey, bindKey)) {
      this.#bindKey = bindKey;
      this.#bindings.udp = this.#hasUdp ? this.#newBinding(bindKey) : null;
      this.#bindings.tcp = this.#newBinding(bindKey);
    }
    if (this.#startedAtMs === null) return;
    this.#bind('udp', nowMs);
    if (this.#isStreamOpen) this.#bind('tcp', nowMs);
  }

  #newBinding(bindKey: Uint8Array): RelayBinding {
    return new RelayBinding({ flowId: this.flow, bindKey, nextSequence: () => this.#sequence++ });
  }

  /** It did not. */
  handleRefused(nowMs: number): void {
    this.#startedAtMs = null;
    this.#nextAtMs = nowMs + REFUSED_INTERVAL_MS;
    this.#outputs.push({ type: 'unprovable' });
  }

  /** The datagram connection has opened, or closed. */
  handleStream(isOpen: boolean, nowMs: number): void {
    this.#isStreamOpen = isOpen;
    if (isOpen && this.#startedAtMs !== null) this.#bind('tcp', nowMs);
  }

  #bind(transport: ProbeTransport, nowMs: number): void {
    this.#bindings[transport]?.start(nowMs);
    this.#pump(transport);
  }

  #pump(transport: ProbeTransport): void {
    for (const datagram of this.#bindings[transport]?.poll() ?? [])
      this.#outputs.push({ type: 'send', transport, datagram });
  }

  /** A datagram of this flow. */
  handleDatagram(transport: ProbeTransport, datagram: Uint8Array, nowMs: number): void {
    if (datagram[0] === DatagramType.Check) {
      this.#handleProbe(transport, datagram, nowMs);
      return;
    }
    const binding = this.#bindings[transport];
    const wasBound = binding?.state === 'bound';
    binding?.handleDatagram(datagram, nowMs);
    this.#pump(transport);
    if (!wasBound && binding?.state === 'bound' && this.#startedAtMs !== null) this.#probe(transport);
  }

  #probe(transport: ProbeTransport): void {
    const payload = this.#random(CHECK_DATAGRAM_BYTES - CHECK_HEADER_BYTES);
    this.#probes.push(payload);
    const datagram = writeCheckDatagram(this.flow, this.#counter++ >>> 0, payload);
    this.#outputs.push({ type: 'send', transport, datagram });
  }

  #handleProbe(transport: ProbeTransport, datagram: Uint8Array, nowMs: number): void {
    const payload = datagram.subarray(CHECK_HEADER_BYTES);
    const isOurs =
      readCheckHeader(datagram) !== null && this.#probes.some((sent) => equalBytes(sent, payload));
    if (!isOurs) return;
    this.#roundsWithoutUdp = transport === 'udp' ? 0 : this.#roundsWithoutUdp + 1;
    if (transport === 'udp') this.#wantStream(false);
    // What comes back goes to where was bound last: to know whether UDP works again it has to be bound again.
    else this.#bindings.udp?.stop();
    this.#outputs.push({ type: 'works', transport });
    this.#endRound(nowMs);
  }

  #endRound(nowMs: number): void {
    this.#startedAtMs = null;
    this.#isSuspect = false;
    this.#probes = [];
    for (const binding of [this.#bindings.udp, this.#bindings.tcp])
      if (binding?.state === 'binding') binding.stop();
    this.#nextAtMs = nowMs + this.#intervalMs;
  }

  get #intervalMs(): number {
    return INTERVAL_MS * (1 + SPREAD * (this.#random(1)[0]! / 128 - 1));
  }

  handleTimeout(nowMs: number): void {
    for (const transport of ['udp', 'tcp'] as const) {
      this.#bindings[transport]?.handleTimeout(nowMs);
      this.#pump(transport);
    }
    if (!this.#isNeeded || nowMs < this.#nextAtMs) return;
    this.#startedAtMs ??= nowMs;
    const failedAtMs = this.#startedAtMs + FAILED_MS;
    if (nowMs >= failedAtMs) {
      this.#outputs.push({ type: 'fails' });
      this.#endRound(nowMs);
      return;
    }
    if (nowMs >= this.#startedAtMs + this.#suspectMs && !this.#isSuspect) this.#doubt();
    this.#nextAtMs = Math.min(nowMs + AGAIN_MS, failedAtMs);
    this.#step(nowMs);
  }

  /** The relay may have forgotten the flow, and UDP may not work from here. */
  #doubt(): void {
    this.#isSuspect = true;
    this.#outputs.push({ type: 'suspect' }, { type: 'open' });
    this.#wantStream(true);
  }

  #step(nowMs: number): void {
    if (this.#bindKey === null) {
      if (this.#startedAtMs === nowMs) this.#outputs.push({ type: 'open' });
      if (!this.#hasUdp) this.#wantStream(true);
      return;
    }
    const viaStream = this.#isStreamOpen;
    const tryUdp = !viaStream || this.#roundsWithoutUdp % UDP_AGAIN_ROUNDS === 0;
    if (tryUdp) this.#probeOrBind('udp', nowMs);
    if (viaStream) this.#probeOrBind('tcp', nowMs);
    else if (!this.#hasUdp) this.#wantStream(true);
  }

  #probeOrBind(transport: ProbeTransport, nowMs: number): void {
    const binding = this.#bindings[transport];
    if (binding === null) return;
    if (binding.state === 'bound') this.#probe(transport);
    else if (binding.state === 'unbound') this.#bind(transport, nowMs);
  }

  #wantStream(wanted: boolean): void {
    if (wanted === this.#isStreamWanted) return;
    this.#isStreamWanted = wanted;
    this.#outputs.push({ type: 'stream', wanted });
    if (!wanted) this.#bindings.tcp?.stop();
  }

  /** Nothing is needed any more. */
  close(): void {
    this.#isNeeded = false;
    this.#wantStream(false);
  }
}
