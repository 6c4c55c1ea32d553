import { type CallKeys, PacketOpener, PacketSealer, type SessionCrypto } from '@overcall/session';
import {
  AUDIO_HEADER_BYTES,
  type AudioPayload,
  DatagramType,
  type FlowId,
  MEDIA_HEADER_BYTES,
  MediaKind,
  type MediaPayload,
  type ReportPayload,
  readMediaHeader,
  readMediaPayload,
  writeMedia,
  writeMediaPayload,
} from '@overcall/wire';
import type { LegId } from './call-types.ts';
import { Reception } from './reception.ts';
import { RelayBinding } from './relay-binding.ts';

/** Between reports, ms; RFC 3550, 6.2 allows fewer than 5 s for small groups, and two are as small as it gets. */
const REPORT_INTERVAL_MS = 1000;
/** A peer that has not been heard for this long is gone, ms. While it rings there is a report each second. */
const SILENCE_LIMIT_MS = 8000;
/** How long the first packet of a peer may take, ms: time to open the relay from both sides, with retries. */
const FIRST_PACKET_LIMIT_MS = 15_000;
/** Silence after which the relay binding is proven again, ms: a NAT on the way may have lost its mapping. */
const REBIND_AFTER_MS = 500;
const REBIND_INTERVAL_MS = 1000;
/** Reports and byes are padded to the size of an audio payload at the default 24 kbit/s: 3 + 60 bytes. */
const PADDED_PAYLOAD_BYTES = AUDIO_HEADER_BYTES + 60;
/** Byes sent, and the time between them, ms. */
const BYE_COUNT = 3;
const BYE_INTERVAL_MS = 20;
/** Audio that overtakes the accept on another road is kept for this long, ms, and this many frames. */
const EARLY_AUDIO_MS = 1000;
const EARLY_AUDIO_FRAMES = 50;

const ASSOCIATED_DATA = new Uint8Array([DatagramType.Media]);

export type MediaOutput =
  | { type: 'send'; to: string; datagram: Uint8Array }
  /** Heard on a leg that talks. */
  | { type: 'audio'; frameLow: number; opus: Uint8Array }
  /** The relay answered and, once `rttMs` is a number, so did the peer. */
  | { type: 'path'; relayAddress: string; rttMs: number | null }
  /** The peer hung up (bye) or has not been heard for too long. */
  | { type: 'ended'; reason: 'failed' | 'remote-hangup' };

export interface MediaStats {
  sentPackets: number;
  sentBytes: number;
  receivedPackets: number;
  lostPackets: number;
  duplicatePackets: number;
  forgedPackets: number;
  /** Audio that came before the accept: held back until then, or dropped. */
  earlyAudioFrames: number;
  jitterMs: number;
  /** Round trip to the peer, ms; null before the first echo. */
  rttMs: number | null;
}

/** The packets of one leg: protection, order of life (warm, talking, over), reports and the round trip. */
export class MediaSession {
  readonly legId: LegId;
  readonly receiveFlow: FlowId;
  readonly sendFlow: FlowId;
  readonly reception = new Reception();
  readonly #openedAt: number;
  readonly #sealer: PacketSealer;
  readonly #opener: PacketOpener;
  readonly #outputs: MediaOutput[] = [];
  #binding: RelayBinding | null = null;
  #talkingSince: number | null = null;
  #over = false;
  #saidSilent = false;
  #heardAt: number | null = null;
  #nextReportAt = Number.POSITIVE_INFINITY;
  #nextRebindAt = Number.POSITIVE_INFINITY;
  #peerReport: { sentAtMs: number; arrivedAt: number } | null = null;
  #rttMs: number | null = null;
  #byesLeft = 0;
  #nextByeAt = Number.POSITIVE_INFINITY;
  #sentPackets = 0;
  #sentBytes = 0;
  #earlyAudioFrames = 0;
  readonly #earlyAudio: { frameLow: number; opus: Uint8Array; arrivedAt: number }[] = [];
  #wasBound = false;

  constructor(options: {
    legId: LegId;
    crypto: SessionCrypto;
    keys: CallKeys;
    receiveFlow: FlowId;
    sendFlow: FlowId;
    nowMs: number;
  }) {
    this.#openedAt = options.nowMs;
    this.legId = options.legId;
    this.receiveFlow = options.receiveFlow;
    this.sendFlow = options.sendFlow;
    this.#sealer = new PacketSealer(options.crypto, options.keys.send.media);
    this.#opener = new PacketOpener(options.crypto, options.keys.receive.media);
  }

  poll(): MediaOutput[] {
    return this.#outputs.splice(0);
  }

  get deadline(): number {
    const bind = this.#binding?.deadline ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#nextReportAt, this.#nextRebindAt, this.#nextByeAt, this.#silenceEndsAt, bind);
  }

  /** A path that never comes up is no path to answer on, so silence counts from the start. */
  get #silenceEndsAt(): number {
    if (this.#over || this.#saidSilent) return Number.POSITIVE_INFINITY;
    if (this.#talkingSince === null && this.#heardAt === null) return this.#openedAt + FIRST_PACKET_LIMIT_MS;
    return Math.max(this.#talkingSince ?? 0, this.#heardAt ?? 0) + SILENCE_LIMIT_MS;
  }

  /** All byes are out: the driver can let go of it. */
  get isOver(): boolean {
    return this.#over && this.#byesLeft === 0;
  }

  get isBound(): boolean {
    return this.#binding?.state === 'bound';
  }

  /**
   * The relay is ours to bind: begins at once. Given the key it has already, it goes on with the binding there is,
   * whose sequence the relay remembers.
   */
  useRelay(relay: { relayAddress: string; bindKey: Uint8Array }, nowMs: number): void {
    if (this.#binding === null || !this.#binding.isFor(relay)) {
      this.#binding = new RelayBinding({ ...relay, flowId: this.sendFlow });
    }
    this.#binding.start(nowMs);
    this.#flushBinding();
  }

  /** The call was accepted: audio may flow from now on. */
  startTalking(nowMs: number): void {
    this.#talkingSince = nowMs;
    this.#nextRebindAt = nowMs + REBIND_AFTER_MS;
    for (const { frameLow, opus, arrivedAt } of this.#earlyAudio.splice(0)) {
      if (nowMs - arrivedAt <= EARLY_AUDIO_MS) this.#outputs.push({ type: 'audio', frameLow, opus });
    }
  }

  /** Whether the peer has been heard: then both ends of the relay are bound. */
  get isHeard(): boolean {
    return this.#heardAt !== null;
  }

  /** Ends the leg; with `bye` the peer is told on the media path too. */
  close(bye: boolean, nowMs: number): void {
    this.#over = true;
    this.#nextReportAt = Number.POSITIVE_INFINITY;
    this.#nextRebindAt = Number.POSITIVE_INFINITY;
    if (this.#binding !== null) this.#binding.deadline = Number.POSITIVE_INFINITY;
    if (!bye) return;
    this.#byesLeft = BYE_COUNT;
    this.#sendBye(nowMs);
  }

  /** One 20 ms frame; dropped (and not counted as sent) while the leg is not talking or not bound. */
  sendAudio(frameNumber: number, opus: Uint8Array): void {
    if (this.#talkingSince === null || this.#over) return;
    this.#send({ kind: MediaKind.Audio, frameLow: frameNumber & 0xffff, opus });
  }

  #send(payload: MediaPayload): void {
    if (this.#binding === null || !this.#wasBound) return;
    const { counter, sealed } = this.#sealer.seal(
      writeMediaPayload(payload, PADDED_PAYLOAD_BYTES),
      ASSOCIATED_DATA,
    );
    this.#sentPackets++;
    this.#sentBytes += MEDIA_HEADER_BYTES + sealed.length;
    const datagram = writeMedia(this.sendFlow, counter & 0xffff, sealed);
    this.#outputs.push({ type: 'send', to: this.#binding.relayAddress, datagram });
  }

  handleDatagram(from: string, datagram: Uint8Array, nowMs: number): void {
    if (datagram[0] === DatagramType.Media) this.#handleMedia(datagram, nowMs);
    else if (this.#binding !== null && from === this.#binding.relayAddress && !this.#over) {
      this.#handleBindAnswer(this.#binding, datagram, nowMs);
    }
  }

  #handleBindAnswer(binding: RelayBinding, datagram: Uint8Array, nowMs: number): void {
    const before = binding.state;
    binding.handleDatagram(datagram, nowMs);
    this.#flushBinding();
    if (before === 'bound' || binding.state !== 'bound') return;
    this.#wasBound = true;
    this.#outputs.push({ type: 'path', relayAddress: binding.relayAddress, rttMs: this.#rttMs });
    this.#sendReport(nowMs);
  }

  #handleMedia(datagram: Uint8Array, nowMs: number): void {
    const header = readMediaHeader(datagram);
    if (header === null || header.flowId !== this.receiveFlow || this.#over) return;
    const sealed = datagram.subarray(MEDIA_HEADER_BYTES);
    const packet = this.#opener.openTruncated(header.counterLow, sealed, ASSOCIATED_DATA);
    const payload = packet && readMediaPayload(packet.plaintext);
    if (!packet) return;
    this.#heardAt = nowMs;
    const frameLow = payload?.kind === MediaKind.Audio ? payload.frameLow : null;
    this.reception.handlePacket(packet.counter, frameLow, nowMs);
    if (payload?.kind === MediaKind.Audio) this.#handleAudio(payload, nowMs);
    if (payload?.kind === MediaKind.Report) this.#handleReport(payload, nowMs);
    if (payload?.kind === MediaKind.Bye && this.#talkingSince !== null) {
      this.#outputs.push({ type: 'ended', reason: 'remote-hangup' });
    }
  }

  #handleAudio({ frameLow, opus }: AudioPayload, nowMs: number): void {
    if (this.#talkingSince !== null) {
      this.#outputs.push({ type: 'audio', frameLow, opus });
      return;
    }
    this.#earlyAudioFrames++;
    this.#earlyAudio.push({ frameLow, opus, arrivedAt: nowMs });
    if (this.#earlyAudio.length > EARLY_AUDIO_FRAMES) this.#earlyAudio.shift();
  }

  #handleReport(report: ReportPayload, nowMs: number): void {
    const first = this.#peerReport === null;
    this.#peerReport = { sentAtMs: report.sentAtMs, arrivedAt: nowMs };
    if (report.echo !== null) {
      const rttMs = ((toUint32(nowMs) - report.echo.sentAtMs) >>> 0) - report.echo.delayMs;
      // A peer's arithmetic is not to be trusted: keep only what can be true.
      if (rttMs >= 0 && rttMs < 60_000) this.#noteRtt(rttMs);
    }
    if (first || this.#rttMs === null) this.#sendReport(nowMs);
  }

  #noteRtt(rttMs: number): void {
    const first = this.#rttMs === null;
    this.#rttMs = first ? rttMs : this.#rttMs! + (rttMs - this.#rttMs!) / 8;
    if (first && this.#binding !== null) {
      this.#outputs.push({ type: 'path', relayAddress: this.#binding.relayAddress, rttMs });
    }
  }

  #sendReport(nowMs: number): void {
    if (this.#over) return;
    this.#nextReportAt = nowMs + REPORT_INTERVAL_MS;
    const echo = this.#peerReport && {
      sentAtMs: this.#peerReport.sentAtMs,
      delayMs: Math.round(nowMs - this.#peerReport.arrivedAt),
    };
    this.#send({
      kind: MediaKind.Report,
      sentAtMs: toUint32(nowMs),
      echo,
      receivedPackets: this.reception.receivedPackets,
      lostPackets: this.reception.lostPackets,
      jitterUs: Math.round(this.reception.jitterMs * 1000),
    });
  }

  #sendBye(nowMs: number): void {
    this.#byesLeft--;
    this.#nextByeAt = this.#byesLeft > 0 ? nowMs + BYE_INTERVAL_MS : Number.POSITIVE_INFINITY;
    this.#send({ kind: MediaKind.Bye });
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#nextByeAt) this.#sendBye(nowMs);
    if (this.#over) return;
    this.#binding?.handleTimeout(nowMs);
    if (nowMs >= this.#nextReportAt) this.#sendReport(nowMs);
    if (nowMs >= this.#nextRebindAt) this.#rebindIfSilent(nowMs);
    this.#flushBinding();
    if (nowMs >= this.#silenceEndsAt) {
      this.#saidSilent = true;
      this.#outputs.push({ type: 'ended', reason: 'failed' });
    }
  }

  #rebindIfSilent(nowMs: number): void {
    const silentSince = Math.max(this.#heardAt ?? 0, this.#talkingSince ?? 0);
    this.#nextRebindAt = nowMs + REBIND_INTERVAL_MS;
    if (nowMs - silentSince < REBIND_AFTER_MS) this.#nextRebindAt = silentSince + REBIND_AFTER_MS;
    else if (this.#binding?.state === 'bound') this.#binding.start(nowMs);
  }

  #flushBinding(): void {
    for (const datagram of this.#binding?.poll() ?? []) {
      this.#outputs.push({ type: 'send', to: this.#binding!.relayAddress, datagram });
    }
  }

  stats(): MediaStats {
    return {
      sentPackets: this.#sentPackets,
      sentBytes: this.#sentBytes,
      receivedPackets: this.reception.receivedPackets,
      lostPackets: this.reception.lostPackets,
      duplicatePackets: this.#opener.stats.replayed,
      forgedPackets: this.#opener.stats.forged,
      earlyAudioFrames: this.#earlyAudioFrames,
      jitterMs: this.reception.jitterMs,
      rttMs: this.#rttMs,
    };
  }
}

/** Milliseconds on this side's clock, low 32 bits. */
function toUint32(ms: number): number {
  return Math.round(ms) % 0x1_0000_0000;
}
