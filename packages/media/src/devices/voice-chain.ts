import { createRequire } from 'node:module';
import { toInt16 } from '../audio-format.ts';
import { EchoPresence } from './echo-presence.ts';
import { GainControl, powerOf } from './gain-control.ts';

/** What is done to the sound of a microphone. */
export interface VoiceChoice {
  echoCancellation: boolean;
  noiseSuppression: boolean;
  gainControl: boolean;
}

/** Samples of a block: 10 ms. */
const BLOCK = 480;
/** RNNoise's own estimate that a block is speech. */
const SPEECH_PROBABILITY = 0.6;
/** Without it: louder than this, mean power. */
const SPEECH_POWER = 1e-4;

/** What is used of `@ennuicastr/webrtcaec3.js`: the echo canceller of WebRTC (AEC3), as WebAssembly. */
interface Aec3 {
  analyze(render: Float32Array[]): void;
  process(output: Float32Array[], capture: Float32Array[]): void;
}
type Aec3Module = () => Promise<{
  AEC3: new (sampleRate: number, renderChannels: number, captureChannels: number) => Aec3;
}>;
const AEC3_PACKAGE = '@ennuicastr/webrtcaec3.js';

/** What is used of `@echogarden/rnnoise-wasm`: Xiph's RNNoise, as WebAssembly. */
interface RnNoise {
  HEAPF32: Float32Array;
  _malloc(bytes: number): number;
  _rnnoise_create(model: number): number;
  _rnnoise_process_frame(state: number, output: number, input: number): number;
}
const RNNOISE_PACKAGE = '@echogarden/rnnoise-wasm';

/**
 * Takes the echo of the loudspeaker out of what a microphone hears, then noise, then evens out the level: in that order,
 * because the echo canceller needs the room as it is. Runs in a worker; by itself it is only arithmetic.
 */
export class VoiceChain {
  readonly #echo: Aec3 | null;
  readonly #noise: NoiseSuppressor | null;
  readonly #gain: GainControl | null;
  readonly #presence = new EchoPresence();
  /** How much of what the echo canceller gives is taken, the rest being what went in: 0 where there is no echo. */
  #cancelled = 1;

  private constructor(echo: Aec3 | null, noise: NoiseSuppressor | null, gain: GainControl | null) {
    this.#echo = echo;
    this.#noise = noise;
    this.#gain = gain;
  }

  /** @throws Error when a library does not load */
  static async load(choice: VoiceChoice): Promise<VoiceChain> {
    const [echo, noise] = await Promise.all([
      choice.echoCancellation ? loadAec3() : null,
      choice.noiseSuppression ? NoiseSuppressor.load() : null,
    ]);
    return new VoiceChain(echo, noise, choice.gainControl ? new GainControl() : null);
  }

  /** What the loudspeaker is about to play. */
  hear(frame: Int16Array): void {
    if (this.#echo === null) return;
    for (let at = 0; at + BLOCK <= frame.length; at += BLOCK) {
      const block = toFloat(frame.subarray(at, at + BLOCK));
      this.#presence.handlePlayed(powerOf(block));
      this.#echo.analyze([block]);
    }
  }

  /** A block of 10 ms from the microphone. */
  process(captured: Int16Array): Int16Array {
    let block = toFloat(captured);
    if (this.#echo !== null) block = this.#withoutEcho(this.#echo, block);
    const probability = this.#noise?.process(block);
    const isSpeech =
      probability === undefined ? powerOf(block) > SPEECH_POWER : probability > SPEECH_PROBABILITY;
    this.#gain?.process(block, isSpeech);
    return toInt16(block);
  }

  /** Where there is no echo to take out, what goes in; from one to the other within a block. */
  #withoutEcho(echo: Aec3, block: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    this.#presence.handleHeard(powerOf(block));
    const out = new Float32Array(BLOCK);
    echo.process([out], [block]);
    const from = this.#cancelled;
    this.#cancelled = this.#presence.isAbsent ? 0 : 1;
    const step = (this.#cancelled - from) / BLOCK;
    for (let i = 0; i < BLOCK; i++) {
      const share = from + step * (i + 1);
      out[i] = share * out[i]! + (1 - share) * block[i]!;
    }
    return out;
  }
}

let aec3: ReturnType<Aec3Module> | undefined;

async function loadAec3(): Promise<Aec3> {
  // CommonJS; by `require` it is found from the built programs too. Once a thread: each time it is made it listens to `uncaughtException` anew, for good.
  aec3 ??= (createRequire(import.meta.url)(AEC3_PACKAGE) as Aec3Module)();
  const { AEC3 } = await aec3;
  return new AEC3(48_000, 1, 1);
}

class NoiseSuppressor {
  readonly #module: RnNoise;
  readonly #state: number;
  readonly #at: number;

  private constructor(module: RnNoise) {
    this.#module = module;
    this.#state = module._rnnoise_create(0);
    this.#at = module._malloc(BLOCK * 4);
  }

  static async load(): Promise<NoiseSuppressor> {
    // Named by a variable: the package has no types.
    const { default: makeModule } = (await import(RNNOISE_PACKAGE)) as { default: () => Promise<RnNoise> };
    return new NoiseSuppressor(await makeModule());
  }

  /** Changes the block in place; how likely it is speech. RNNoise's scale is that of 16-bit samples. */
  process(block: Float32Array): number {
    // The memory may have grown, and then has another view.
    const input = this.#module.HEAPF32.subarray(this.#at / 4, this.#at / 4 + BLOCK);
    for (let i = 0; i < BLOCK; i++) input[i] = block[i]! * 32_768;
    const probability = this.#module._rnnoise_process_frame(this.#state, this.#at, this.#at);
    const output = this.#module.HEAPF32.subarray(this.#at / 4, this.#at / 4 + BLOCK);
    for (let i = 0; i < BLOCK; i++) block[i] = output[i]! / 32_768;
    return probability;
  }
}

function toFloat(samples: Int16Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(samples.length);
  for (let i = 0; i < out.length; i++) out[i] = samples[i]! / 32_768;
  return out;
}
