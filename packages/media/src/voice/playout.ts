import { type AudioBlock, opusCarriesFec, opusPacketFrames } from '@overcall/wire';
import { FRAME_MS, FRAME_SAMPLES } from '../audio-format.ts';
import { ComfortNoise } from './comfort-noise.ts';
import { extendFrameNumber } from './frame-number.ts';
import { JitterBuffer } from './jitter-buffer.ts';
import { PcmQueue } from './pcm-queue.ts';
import type { Pulled } from './pulled.ts';
import type { Stretch } from './stretch-choice.ts';
import { hurried, lengthen, shorten } from './time-stretch.ts';

const SAMPLES_PER_MS = FRAME_SAMPLES / FRAME_MS;

/** What playout needs of a decoder; `OpusDecoder` is one. */
export interface FrameDecoder {
  /** All samples of a packet of 20, 40 or 60 ms; null when it is unusable. */
  decode(packet: Uint8Array): Int16Array | null;
  /** 20 ms made from what came before. */
  conceal(): Int16Array;
  /** What came before `nextPacket`, as long as that is, from its in-band FEC; null when it carries none. */
  recover(nextPacket: Uint8Array): Int16Array | null;
}

export interface PlayoutStats {
  /** Frames (20 ms) that were received, in their own packet or as a copy in a later one, and played. */
  playedFrames: number;
  /** Times, once audio had begun, that 20 ms had to be filled by concealment or silence. */
  concealedFrames: number;
  /** Runs of these without anything real between. */
  concealedBursts: number;
  /** Frames of pauses in which nothing was sent: neither played nor concealed. */
  pauseFrames: number;
  /** Frames that were lost and came back out of the in-band FEC of the next. */
  recoveredFrames: number;
  /** Frames that were neither received in time nor recovered. */
  lostFrames: number;
  lateFrames: number;
  duplicateFrames: number;
  /** Longest time without a real or recovered frame to play, once audio had begun. */
  longestGapMs: number;
  /** When the first received frame was played; null before. */
  firstFrameAt: number | null;
  playoutDelayMs: number;
  /** Delay that the jitter buffer aims at. */
  targetDelayMs: number;
}

/** A tick this much after the last one means that the process or machine slept: that time was a gap as well. */
const SUSPEND_MS = 500;

/** From packets received to sound to play: jitter buffer, decoder, concealment, time-stretching. Call {@link tick} once every 20 ms. */
export class Playout {
  readonly #decoder: FrameDecoder;
  readonly #buffer = new JitterBuffer();
  /** Decoded and not played yet, less than a packet. */
  readonly #pending = new PcmQueue();
  #newestNumber: number | null = null;
  #playedFrames = 0;
  #concealedFrames = 0;
  #concealedBursts = 0;
  #pauseFrames = 0;
  #recoveredFrames = 0;
  readonly #noise = new ComfortNoise();
  #gapMs = 0;
  #longestGapMs = 0;
  #firstFrameAt: number | null = null;
  #lastTickMs: number | null = null;

  constructor(decoder: FrameDecoder) {
    this.#decoder = decoder;
  }

  get stats(): PlayoutStats {
    const { lateFrames, duplicateFrames, lostFrames } = this.#buffer.stats;
    return {
      playedFrames: this.#playedFrames,
      concealedFrames: this.#concealedFrames,
      concealedBursts: this.#concealedBursts,
      pauseFrames: this.#pauseFrames,
      recoveredFrames: this.#recoveredFrames,
      lostFrames,
      lateFrames,
      duplicateFrames,
      longestGapMs: this.#longestGapMs,
      firstFrameAt: this.#firstFrameAt,
      playoutDelayMs: this.#buffer.playoutDelayMs,
      targetDelayMs: this.#buffer.targetMs,
    };
  }

  /** Packets that wait to be played: bounded, whatever comes. */
  get keptPackets(): number {
    return this.#buffer.keptPackets;
  }

  /**
   * Takes what came in one packet that passed decryption; `frameLow` is the low 16 bits of the number of its first frame.
   * What is no Opus of 20, 40 or 60 ms is dropped; none at all is a pause.
   */
  receive(frameLow: number, opus: Uint8Array, nowMs: number, copies: readonly AudioBlock[] = []): void {
    const frames = opus.length === 0 ? 0 : opusPacketFrames(opus);
    if (frames === null) return;
    const number = this.#newestNumber === null ? frameLow : extendFrameNumber(frameLow, this.#newestNumber);
    this.#newestNumber = number;
    if (frames === 0) {
      this.#buffer.pause(number, nowMs);
      return;
    }
    const earlier = copies.flatMap(({ distance, opus: copy }) => {
      const count = opusPacketFrames(copy);
      return count === null ? [] : [{ number: number - distance, frames: count, opus: copy }];
    });
    this.#buffer.push({ number, frames, opus, copies: earlier, hasFec: opusCarriesFec(opus) }, nowMs);
  }

  /** The next 20 ms to play. */
  tick(nowMs: number): Int16Array {
    this.#noteSuspend(nowMs);
    let isReal = true;
    while (this.#pending.length < FRAME_SAMPLES) isReal = this.#decodeMore(nowMs) && isReal;
    if (isReal) this.#gapMs = 0;
    else if (this.#firstFrameAt !== null) {
      this.#concealedFrames++;
      if (this.#gapMs === 0) this.#concealedBursts++;
      this.#addGap(FRAME_MS);
    }
    return this.#pending.take(FRAME_SAMPLES);
  }

  /** Adds to what is pending; false when it was made up. */
  #decodeMore(nowMs: number): boolean {
    const pulled = this.#buffer.pull(nowMs, this.#pending.length / SAMPLES_PER_MS);
    if (pulled.kind === 'pause') {
      this.#pauseFrames++;
      this.#pending.put(this.#noise.next());
      return true;
    }
    const samples = this.#realSamples(pulled, nowMs);
    this.#pending.put(samples ?? this.#madeUp(pulled));
    return samples !== null;
  }

  #realSamples(pulled: Pulled, nowMs: number): Int16Array | null {
    if (pulled.kind === 'frame') {
      const samples = this.#decoder.decode(pulled.opus);
      if (samples === null) return null;
      this.#playedFrames += samples.length / FRAME_SAMPLES;
      this.#firstFrameAt ??= nowMs;
      this.#noise.observe(samples);
      return this.#stretched(samples, pulled.stretch);
    }
    if (pulled.kind !== 'lost' || pulled.next === null) return null;
    if (opusPacketFrames(pulled.next) !== pulled.gapFrames) return null;
    const samples = this.#decoder.recover(pulled.next);
    if (samples === null) return null;
    this.#buffer.noteRecovered(pulled.gapFrames);
    this.#recoveredFrames += pulled.gapFrames;
    return samples;
  }

  #stretched(samples: Int16Array, stretch: Stretch): Int16Array {
    if (stretch === 'none') return samples;
    const stretched = stretchedBy(stretch, samples);
    if (stretched === null || stretched.length === samples.length) return samples;
    this.#buffer.noteStretched((stretched.length - samples.length) / SAMPLES_PER_MS);
    return stretched;
  }

  /** The decoder's concealment has faded to nothing by the time a buffer runs empty. */
  #madeUp({ kind }: Pulled): Int16Array {
    const isSilent = kind === 'empty' || this.#firstFrameAt === null;
    return isSilent ? new Int16Array(FRAME_SAMPLES) : this.#decoder.conceal();
  }

  #noteSuspend(nowMs: number): void {
    const sinceTickMs = this.#lastTickMs === null ? 0 : nowMs - this.#lastTickMs;
    this.#lastTickMs = nowMs;
    if (sinceTickMs > SUSPEND_MS && this.#firstFrameAt !== null) this.#addGap(sinceTickMs - FRAME_MS);
  }

  #addGap(ms: number): void {
    this.#gapMs += ms;
    this.#longestGapMs = Math.max(this.#longestGapMs, this.#gapMs);
  }
}

function stretchedBy(stretch: Exclude<Stretch, 'none'>, samples: Int16Array): Int16Array | null {
  if (stretch === 'hurry') return hurried(samples);
  return stretch === 'lengthen' ? lengthen(samples) : shorten(samples, stretch === 'shorten-now');
}
