import { FRAME_SAMPLES, SAMPLE_RATE_HZ, silentFrame } from './audio-format.ts';
import { MAX_OPUS_BYTES, opusCarriesFec, opusPacketSamples } from './opus-packet.ts';
import { instantiateOpus, type OpusWasm } from './opus-wasm.ts';

/**
 * Opus decoder for 20 ms mono frames, over the WebAssembly build in `@evan/opus`: that package's own decoder offers
 * neither concealment nor FEC. Whatever a packet holds, nothing throws; one that is no 20 ms Opus packet gives null
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

  /** 960 samples, or null when the packet is unusable: then {@link conceal}. */
  decode(packet: Uint8Array): Int16Array | null {
    if (!isUsable(packet)) return null;
    return this.#run(packet, 0);
  }

  /** A frame made from what came before (packet loss concealment), fading out if asked again and again. */
  conceal(): Int16Array {
    return this.#run(null, 0) ?? silentFrame();
  }

  /** The frame before `nextPacket` from its in-band FEC; null when it carries none. */
  recover(nextPacket: Uint8Array): Int16Array | null {
    if (!isUsable(nextPacket) || !opusCarriesFec(nextPacket)) return null;
    return this.#run(nextPacket, 1);
  }

  #start(): void {
    const wasm = instantiateOpus();
    this.#wasm = wasm;
    this.#state = wasm.malloc(wasm.opus_decoder_get_size(1));
    this.#packetAt = wasm.malloc(MAX_OPUS_BYTES);
    this.#pcmAt = wasm.malloc(FRAME_SAMPLES * 2);
    const error = wasm.opus_decoder_init(this.#state, SAMPLE_RATE_HZ, 1);
    if (error !== 0) throw new Error(`opus_decoder_init: ${error}`);
  }

  #run(packet: Uint8Array | null, decodeFec: 0 | 1): Int16Array | null {
    const data = packet === null ? 0 : this.#packetAt;
    // Views are made anew each time: memory that grew leaves old ones detached.
    if (packet) new Uint8Array(this.#wasm.memory.buffer).set(packet, data);
    try {
      const length = packet?.length ?? 0;
      const samples = this.#wasm.opus_decode(
        this.#state,
        data,
        length,
        this.#pcmAt,
        FRAME_SAMPLES,
        decodeFec,
      );
      if (samples !== FRAME_SAMPLES) return null;
    } catch {
      // A trap inside WebAssembly leaves its stack unbalanced: begin again with a fresh instance.
      this.#start();
      return null;
    }
    return new Int16Array(this.#wasm.memory.buffer, this.#pcmAt, FRAME_SAMPLES).slice();
  }
}

function isUsable(packet: Uint8Array): boolean {
  return packet.length <= MAX_OPUS_BYTES && opusPacketSamples(packet) === FRAME_SAMPLES;
}
