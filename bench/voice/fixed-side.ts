import { OpusDecoder, OpusEncoder } from '@overcall/media';
import { FixedPlayout } from './baseline/fixed-playout.ts';
import type { Way } from './way.ts';

/** The baseline: Opus at 24 kbit/s with in-band FEC, one packet a frame, and a fixed jitter buffer of 60 ms. */
export class FixedSide {
  readonly playout = new FixedPlayout(new OpusDecoder());
  readonly #encoder = new OpusEncoder({ fecForLossPct: 20 });
  #number = 0;
  payloadBytes = 0;

  say(frame: Int16Array, way: Way, nowMs: number): void {
    const opus = this.#encoder.encode(frame);
    this.payloadBytes += opus.length + 3;
    way.send(this.#number++, opus, nowMs);
  }

  hear(counter: number, opus: Uint8Array, nowMs: number): void {
    this.playout.receive(counter & 0xffff, opus, nowMs);
  }
}
