import {
  AUDIO_HEADER_BYTES,
  type AudioBlock,
  BLOCK_HEADER_BYTES,
  PAUSE_BYTES,
  PAUSE_EVERY_FRAMES,
  REPORT_BYTES,
  sizeWithReport,
} from '@overcall/wire';
import { FRAME_MS, FRAME_SAMPLES } from '../audio-format.ts';
import { payloadBytesOf, type SendMode } from './send-mode.ts';
import { VoiceActivity } from './voice-activity.ts';

/** Packets kept to be sent again: no mode goes further back. */
const KEPT_PACKETS = 16;
/** What a report takes from the audio of a packet without copies. */
const REPORT_TAKES = REPORT_BYTES + BLOCK_HEADER_BYTES;

/** What sending needs of an encoder; `OpusEncoder` is one. */
export interface FrameEncoder {
  /** 20, 40 or 60 ms. */
  encode(frame: Int16Array): Uint8Array;
  setBitrate(bitrateBps: number): void;
  setFec(expectedLossPct: number): void;
}

/** A pause begins with so many packets in a row, and whenever they are due: one may be lost. */
const PAUSE_BEGINS_WITH = 3;

/** What goes into one packet. */
export interface OutgoingAudio {
  frameNumber: number;
  /** Empty in a pause. */
  opus: Uint8Array;
  copies: readonly AudioBlock[];
  /** Whether there is room for a report. */
  hasReport: boolean;
  /** Of the whole payload: the same for every packet of a mode. */
  payloadBytes: number;
}

/** From frames of 20 ms to what packets carry, in the mode that is asked for. */
export class VoiceSender {
  readonly #encoder: FrameEncoder;
  readonly #sent: { number: number; opus: Uint8Array }[] = [];
  /** Frames of the packet that is being filled. */
  #collected: Int16Array[] = [];
  #first = 0;
  #bitrateBps = 0;
  #fecPct = -1;
  #mode: SendMode | null = null;
  readonly #activity: VoiceActivity | null;
  /** Frames of the pause there is. */
  #pauseFrames = 0;

  /** @param pauses whether nothing is sent while nobody speaks (DTX), which shows when somebody does */
  constructor(encoder: FrameEncoder, { pauses = false } = {}) {
    this.#encoder = encoder;
    this.#activity = pauses ? new VoiceActivity() : null;
  }

  /** Takes 20 ms; returns a packet when one is full. `mode` counts from the beginning of a packet on. */
  push(frame: Int16Array, frameNumber: number, mode: SendMode, wantsReport: boolean): OutgoingAudio | null {
    // After a pause of the machine what was collected is old, and numbers have gone on.
    if (frameNumber !== this.#first + this.#collected.length) this.#collected = [];
    const isSilent = this.#activity !== null && !this.#activity.isActive(frame);
    if (isSilent && this.#collected.length === 0) return this.#pause(frameNumber);
    this.#pauseFrames = 0;
    if (this.#collected.length === 0) {
      this.#first = frameNumber;
      this.#mode = mode;
    }
    this.#collected.push(frame);
    const current = this.#mode ?? mode;
    if (this.#collected.length < current.frames) return null;
    return this.#packet(current, wantsReport);
  }

  #pause(frameNumber: number): OutgoingAudio | null {
    const isDue = this.#pauseFrames < PAUSE_BEGINS_WITH || this.#pauseFrames % PAUSE_EVERY_FRAMES === 0;
    this.#pauseFrames++;
    const opus = new Uint8Array(0);
    return isDue ? { frameNumber, opus, copies: [], hasReport: true, payloadBytes: PAUSE_BYTES } : null;
  }

  #packet(mode: SendMode, wantsReport: boolean): OutgoingAudio {
    const hasReport = mode.copies > 0 || wantsReport;
    const opusBytes = mode.opusBytes - (hasReport && mode.copies === 0 ? REPORT_TAKES : 0);
    this.#setUp(opusBytes, mode);
    const opus = this.#encoder.encode(joined(this.#collected));
    this.#collected = [];
    const frameNumber = this.#first;
    const payloadBytes = Math.max(payloadBytesOf(mode), AUDIO_HEADER_BYTES + opus.length);
    const copies = this.#copies(frameNumber, mode, payloadBytes, opus.length);
    this.#sent.push({ number: frameNumber, opus });
    if (this.#sent.length > KEPT_PACKETS) this.#sent.shift();
    return { frameNumber, opus, copies, hasReport, payloadBytes };
  }

  #setUp(opusBytes: number, { frames, fecPct }: SendMode): void {
    const bitrateBps = Math.ceil((opusBytes * 8 * 1000) / (frames * FRAME_MS));
    if (bitrateBps !== this.#bitrateBps) this.#encoder.setBitrate(bitrateBps);
    if (fecPct !== this.#fecPct) this.#encoder.setFec(fecPct);
    this.#bitrateBps = bitrateBps;
    this.#fecPct = fecPct;
  }

  /** Those that are there and fit: some are of another mode and longer. */
  #copies(frameNumber: number, mode: SendMode, payloadBytes: number, opusBytes: number): AudioBlock[] {
    const copies: AudioBlock[] = [];
    const sizes = [opusBytes];
    for (let i = 1; i <= mode.copies; i++) {
      const distance = i * mode.spacing * mode.frames;
      const packet = this.#sent.find(({ number }) => number === frameNumber - distance);
      if (packet === undefined || sizeWithReport([...sizes, packet.opus.length]) > payloadBytes) continue;
      sizes.push(packet.opus.length);
      copies.push({ distance, opus: packet.opus });
    }
    return copies;
  }
}

function joined(frames: readonly Int16Array[]): Int16Array {
  if (frames.length === 1) return frames[0]!;
  const all = new Int16Array(frames.length * FRAME_SAMPLES);
  frames.forEach((frame, i) => {
    all.set(frame, i * FRAME_SAMPLES);
  });
  return all;
}
