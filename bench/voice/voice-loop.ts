import { ReceptionMonitor } from '@overcall/call';
import {
  EARLY_MS,
  type FrameDecoder,
  type FrameEncoder,
  Playout,
  RateControl,
  type SendMode,
  VoiceSender,
} from '@overcall/media';
import {
  MediaKind,
  type MediaPayload,
  opusPacketFrames,
  readMediaPayload,
  writeMediaPayload,
} from '@overcall/wire';
import { OVERHEAD_BYTES, type Way } from './way.ts';

/** One side of a call in virtual time: the pure parts of the softphone, without paths and encryption. */
export class Side {
  readonly monitor = new ReceptionMonitor();
  readonly control = new RateControl();
  readonly playout: Playout;
  readonly #sender: VoiceSender;
  readonly #rttMs: number;
  readonly #fixed: SendMode | null;
  #startedAtMs: number | null = null;
  #counter = 0;
  #number = 0;
  sentPackets = 0;
  payloadBytes = 0;
  mostPayloadKbitPerS = 0;

  /** @param fixed sends like this, whatever is reported; null for what rate control decides */
  constructor(encoder: FrameEncoder, decoder: FrameDecoder, rttMs: number, fixed: SendMode | null = null) {
    this.#sender = new VoiceSender(encoder);
    this.playout = new Playout(decoder);
    this.#rttMs = rttMs;
    this.#fixed = fixed;
  }

  get mode(): SendMode {
    return this.#fixed ?? this.control.mode;
  }

  /** Says 20 ms into the way. */
  say(frame: Int16Array, way: Way, nowMs: number): void {
    this.control.handleIncoming(this.monitor.takeIncoming(nowMs), nowMs);
    this.#startedAtMs ??= nowMs;
    if (nowMs < this.#startedAtMs + EARLY_MS) this.control.expectLoss(this.monitor.lossShare, nowMs);
    const out = this.#sender.push(frame, this.#number++, this.mode, this.monitor.isDue(nowMs));
    if (out === null) return;
    const report = out.hasReport ? this.monitor.take(nowMs) : null;
    const payload: MediaPayload = {
      kind: MediaKind.Audio,
      frameLow: out.frameNumber & 0xffff,
      opus: out.opus,
      copies: out.copies,
      report,
    };
    const bytes = writeMediaPayload(payload, out.payloadBytes);
    const frames = opusPacketFrames(out.opus)!;
    this.sentPackets++;
    this.payloadBytes += bytes.length;
    this.mostPayloadKbitPerS = Math.max(this.mostPayloadKbitPerS, (bytes.length * 8) / (frames * 20));
    way.send(this.#counter++, bytes, nowMs);
  }

  hear(counter: number, bytes: Uint8Array, nowMs: number): void {
    const payload = readMediaPayload(bytes);
    if (payload?.kind !== MediaKind.Audio) return;
    this.monitor.handlePacket(counter, bytes.length + OVERHEAD_BYTES - 28, '', nowMs);
    const frames = opusPacketFrames(payload.opus) ?? 1;
    this.monitor.handleAudio(payload.frameLow + frames, nowMs, frames);
    if (payload.report !== null) this.control.handleReport(payload.report, this.#rttMs, nowMs);
    this.playout.receive(payload.frameLow, payload.opus, nowMs, payload.copies);
  }
}

/** Two sides that talk over two ways; each tick is 20 ms of both. */
export class Pair {
  readonly sides: readonly [Side, Side];
  readonly ways: readonly [Way, Way];
  /** When the second side speaks, and when both play, ms after the first speaks. */
  readonly #speaksAfterMs = 3;
  readonly #playsAfterMs: number;

  constructor(sides: readonly [Side, Side], ways: readonly [Way, Way], playsAfterMs = 7) {
    this.sides = sides;
    this.ways = ways;
    this.#playsAfterMs = playsAfterMs;
  }

  /** Each side says a frame, and plays one: that of the second is returned. */
  tick(said: readonly [Int16Array, Int16Array], nowMs: number): Int16Array {
    const playMs = nowMs + this.#playsAfterMs;
    for (const [at, side] of this.sides.entries())
      for (const { counter, bytes, atMs } of this.ways[1 - at]!.take(nowMs)) side.hear(counter, bytes, atMs);
    this.sides[0].say(said[0], this.ways[0], nowMs);
    this.sides[1].say(said[1], this.ways[1], nowMs + this.#speaksAfterMs);
    for (const [at, side] of this.sides.entries())
      for (const { counter, bytes, atMs } of this.ways[1 - at]!.take(playMs)) side.hear(counter, bytes, atMs);
    this.sides[0].playout.tick(playMs);
    return this.sides[1].playout.tick(playMs);
  }
}
