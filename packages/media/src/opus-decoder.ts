import { MAX_OPUS_BYTES, opusCarriesFec, opusPacketFrames } from '@overcall/wire';
import { FRAME_SAMPLES, SAMPLE_RATE_HZ, silentFrame } from './audio-format.ts';
import { instantiateOpus, type OpusWasm } from './opus-wasm.ts';

/** Of a packet. */
const MAX_FRAMES = 3;

/**
 * Opus decoder for mono packets of 20, 40 and 60 ms, over the WebAssembly build in `@evan/opus`: that package's own decoder offers
 * neither concealment nor FEC. Whatever a packet holds, nothing throws; one that is no such packet gives null
 * and leaves the state alone.
 */
export class OpusDecoder {
  #wasm!: OpusWasm;
  #state = 0;
  #packetAt = 0;
  #pcmAt = 0;

  constructor() {
    this.#start();
  }

  /** 960 samples for each 20 ms, or null when the packet is unusable: then {@link conceal}. */
  decode(packet: Uint8Array): Int16Array | null {
    const frames = opusPacketFrames(packet);
    return frames === null ? null : this.#run(packet, frames, 0);
  }

  /** 20 ms made from what came before (packet loss concealment), fading out if asked again and again. */
  conceal(): Int16Array {
    return this.#run(null, 1, 0) ?? silentFrame();
  }

  /** What came before `nextPacket`, as long as that is, from its in-band FEC; null when it carries none. */
  recover(nextPacket: Uint8Array): Int16Array | null {
    const frames = opusPacketFrames(nextPacket);
    return frames === null || !opusCarriesFec(nextPacket) ? null : this.#run(nextPacket, frames, 1);
  }

  #start(): void {
    const wasm = instantiateOpus();
    this.#wasm = wasm;
    this.#state = wasm.malloc(wasm.opus_decoder_get_size(1));
    this.#packetAt = wasm.malloc(MAX_OPUS_BYTES);
    this.#pcmAt = wasm.malloc(MAX_FRAMES * FRAME_SAMPLES * 2);
    const error = wasm.opus_decoder_init(this.#state, SAMPLE_RATE_HZ, 1);
    if (error !== 0) throw new Error(`opus_decoder_init: ${error}`);
  }

  #run(packet: Uint8Array | null, frames: number, decodeFec: 0 | 1): Int16Array | null {
    const wanted = frames * FRAME_SAMPLES;
    const data = packet === null ? 0 : this.#packetAt;
    // Views are made anew each time: memory that grew leaves old ones detached.
    if (packet) new Uint8Array(this.#wasm.memory.buffer).set(packet, data);
    try {
      const length = packet?.length ?? 0;
      const samples = this.#wasm.opus_decode(this.#state, data, length, this.#pcmAt, wanted, decodeFec);
      if (samples !== wanted) return null;
    } catch {
      // A trap inside WebAssembly leaves its stack unbalanced: begin again with a fresh instance.
      this.#start();
      return null;
    }
    return new Int16Array(this.#wasm.memory.buffer, this.#pcmAt, wanted).slice();
  }
}
