import type { HeardAudio } from '@overcall/call';
import type { Logger } from '@overcall/cli';
import {
  type AudioSink,
  type AudioSource,
  EARLY_MS,
  FRAME_MS,
  FRAME_SAMPLES,
  FramePacer,
  type IncomingAudio,
  OpusDecoder,
  OpusEncoder,
  type OutgoingAudio,
  Playout,
  RateControl,
  VoiceSender,
} from '@overcall/media';
import { DeadlineTimer } from '@overcall/net';
import type { ReceptionReport } from '@overcall/wire';

/** A recording starts when the other side is heard, so that none of it is lost; live or not, at the latest now, ms. */
const SOURCE_WAIT_MS = 2000;
/** A frame of a microphone that is late is asked for again after so long, ms. */
const LATE_POLL_MS = 5;

export interface ConversationOptions {
  source: AudioSource;
  sink: AudioSink;
  /** Nothing is sent while nobody speaks. */
  dtx?: boolean;
  sendAudio(audio: OutgoingAudio): void;
  /** Whether the next packet should have room for a report. */
  wantsReport(): boolean;
  /** Whether what comes from the peer waits in a queue on its way, as far as is new since this was asked last. */
  takeIncoming(): IncomingAudio;
  /** Share of what both sides sent, pings or audio, that is known to be lost while the peer has reported little. */
  earlyLossShare(): number;
  /** Whether the peer has been heard: its packets come through, so ours will. */
  isHeard(): boolean;
  onFirstAudio(msSinceStart: number): void;
  onSourceEnded(): void;
  /** The source is taken from now on: when its first frame was due, and the first one that was played. */
  onSourceStarted?(sourceAtMs: number, sinkAtMs: number): void;
  /** Monotonic milliseconds. */
  now(): number;
  log: Logger;
}

/** The sound of one answered call: every 20 ms a frame out and a frame played, on a clock that does not drift. */
export class Conversation {
  readonly playout: Playout;
  readonly #options: ConversationOptions;
  readonly #sender: VoiceSender;
  readonly #control: RateControl;
  readonly #pacer: FramePacer;
  readonly #silence = new Int16Array(FRAME_SAMPLES);
  readonly #startedAt: number;
  #frameNumber = 0;
  /** Frames that are due to be sent. */
  #owed = 0;
  /** The event loop had a turn since the last frames. */
  #hasYielded = false;
  #isStopped = false;
  #sourceStarted = false;
  #sourceEnded = false;
  #heardFirst = false;
  #isMuted = false;
  readonly #heldBy = new Set<'self' | 'peer'>();
  readonly #timer = new DeadlineTimer(() => this.#tick());

  constructor(options: ConversationOptions) {
    this.#options = options;
    const pauses = options.dtx ?? false;
    this.#sender = new VoiceSender(new OpusEncoder(), { pauses });
    this.#control = new RateControl({ pauses });
    this.#startedAt = options.now();
    this.#pacer = new FramePacer(this.#startedAt, FRAME_MS);
    this.playout = new Playout(new OpusDecoder());
    this.#timer.set(this.#pacer.nextAt);
  }

  receive({ frameLow, opus, copies }: HeardAudio): void {
    this.playout.receive(frameLow, opus, this.#options.now(), copies);
  }

  /** Silence is sent in place of the source, in packets like all others: the network does not see that somebody is muted. */
  setMuted(on: boolean): void {
    this.#isMuted = on;
    this.#tellSource();
  }

  /** While anybody holds the call, both send silence, and who holds it plays none of what comes. */
  setHeld(by: 'self' | 'peer', on: boolean): void {
    if (on) this.#heldBy.add(by);
    else this.#heldBy.delete(by);
    this.#tellSource();
  }

  #tellSource(): void {
    this.#options.source.setMuted?.(this.#isMuted || this.#heldBy.size > 0);
  }

  /** What the peer says of what we send. */
  handleReport(report: ReceptionReport, rttMs: number): void {
    this.#control.handleReport(report, rttMs, this.#options.now());
  }

  #tick(): void {
    if (this.#isStopped) return;
    const nowMs = this.#options.now();
    if (nowMs - this.#pacer.nextAt >= FRAME_MS && !this.#hasYielded) {
      // We were held up: what has come meanwhile is to be read before it is missed.
      this.#hasYielded = true;
      setImmediate(() => this.#tick());
      return;
    }
    this.#hasYielded = false;
    const skippedBefore = this.#pacer.skippedFrames;
    const due = this.#pacer.due(nowMs);
    const skipped = this.#pacer.skippedFrames - skippedBefore;
    if (skipped > 0) {
      this.#frameNumber += this.#owed;
      this.#owed = 0;
    }
    this.#owed += due;
    // What a speaker does not want is played a little faster from the jitter buffer, until nothing waits any more.
    // After frames that were skipped a speaker has run dry.
    const wanted = this.#options.sink.wants?.(due + skipped) ?? due;
    for (let i = 0; i < wanted; i++) this.#play(nowMs);
    while (this.#owed > 0 && !this.#isLate(nowMs)) {
      this.#owed--;
      this.#send(nowMs);
    }
    this.#timer.set(this.#owed > 0 ? Math.min(this.#pacer.nextAt, nowMs + LATE_POLL_MS) : this.#pacer.nextAt);
  }

  #isLate(nowMs: number): boolean {
    return !this.#isWaiting(nowMs) && this.#options.source.isLate?.(this.#owed) === true;
  }

  #send(nowMs: number): void {
    // Frames that a suspend skipped keep their numbers: the peer sees a gap, not a shift.
    const frameNumber = this.#frameNumber++ + this.#pacer.skippedFrames;
    this.#control.handleIncoming(this.#options.takeIncoming(), nowMs);
    if (nowMs < this.#startedAt + EARLY_MS) this.#control.expectLoss(this.#options.earlyLossShare(), nowMs);
    const input = this.#nextInput(nowMs, frameNumber);
    const audio = this.#sender.push(input, frameNumber, this.#control.mode, this.#options.wantsReport());
    if (audio !== null) this.#options.sendAudio(audio);
  }

  #play(nowMs: number): void {
    const heard = this.playout.tick(nowMs);
    this.#options.sink.write(this.#heldBy.has('self') ? this.#silence : heard);
    if (!this.#heardFirst && this.playout.stats.firstFrameAt !== null) {
      this.#heardFirst = true;
      this.#options.onFirstAudio(nowMs - this.#startedAt);
    }
  }

  #nextInput(nowMs: number, frameNumber: number): Int16Array {
    if (this.#isWaiting(nowMs) || this.#sourceEnded) return this.#silence;
    const isHeld = this.#heldBy.size > 0;
    // A recording waits until it is heard again; a microphone does not.
    if (isHeld && !this.#options.source.isLive) return this.#silence;
    if (!this.#sourceStarted) {
      this.#sourceStarted = true;
      this.#options.onSourceStarted?.(this.#startedAt + frameNumber * FRAME_MS, this.#startedAt);
    }
    const frame = this.#options.source.next();
    if (frame !== null) return isHeld || this.#isMuted ? this.#silence : frame;
    this.#sourceEnded = true;
    this.#options.onSourceEnded();
    return this.#silence;
  }

  #isWaiting(nowMs: number): boolean {
    return !this.#options.isHeard() && nowMs - this.#startedAt < SOURCE_WAIT_MS;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer.set(null);
    await Promise.all([this.#options.source.close?.(), this.#options.sink.close()]);
  }
}
