import { Encoder } from '@evan/opus';
import { FRAME_SAMPLES, SAMPLE_RATE_HZ } from './audio-format.ts';

/** 60 bytes a frame of 20 ms. */
const DEFAULT_BITRATE_BPS = 24_000;
/** Of 0..10. 2 to 3% of a core (bench/call/CPU.md), twice the cost of 5; the goals for CPU are set for it. */
const COMPLEXITY = 9;

export interface OpusEncoderOptions {
  bitrateBps?: number;
  /** Loss that in-band FEC should be ready for, in percent; 0 turns FEC off. */
  fecForLossPct?: number;
}

/**
 * Opus for voice: 48 kHz mono, 20 ms frames, constant bitrate. Constant, because the sizes of variable-rate packets
 * tell which phrases are spoken (Wright 2008), and no DTX for the same reason.
 */
export class OpusEncoder {
  readonly #encoder: Encoder;

  constructor(options: OpusEncoderOptions = {}) {
    this.#encoder = new Encoder({ channels: 1, sample_rate: SAMPLE_RATE_HZ, application: 'voip' });
    this.#encoder.vbr = false;
    this.#encoder.dtx = false;
    this.#encoder.signal = 'voice';
    this.#encoder.complexity = COMPLEXITY;
    this.setBitrate(options.bitrateBps ?? DEFAULT_BITRATE_BPS);
    this.setFec(options.fecForLossPct ?? 0);
  }

  /** Applies from the next frame on: bitrate / 400 bytes a frame. */
  setBitrate(bitrateBps: number): void {
    this.#encoder.bitrate = bitrateBps;
  }

  /**
   * In-band FEC for this expected loss in percent; 0 turns it off. Sizes stay the same, it takes from quality. At
   * 24 kbit/s libopus carries none below 6% (measured): ask for at least that where FEC is wanted.
   */
  setFec(expectedLossPct: number): void {
    this.#encoder.inband_fec = expectedLossPct > 0;
    this.#encoder.packet_loss = Math.round(expectedLossPct);
  }

  /** Encodes 20, 40 or 60 ms; the packet is the caller's to keep. */
  encode(frame: Int16Array): Uint8Array {
    const frames = frame.length / FRAME_SAMPLES;
    if (![1, 2, 3].includes(frames)) throw new RangeError(`${frame.length} samples are not 20, 40 or 60 ms`);
    return new Uint8Array(this.#encoder.encode(frame));
  }
}
