import { createRequire } from 'node:module';
import { toInt16 } from '../audio-format.ts';
import { EchoPresence } from './echo-presence.ts';
import { EchoReturn } from './echo-return.ts';
import { GainControl, powerOf } from './gain-control.ts';

/** What is done to the sound of a microphone. */
export interface VoiceChoice {
  echoCancellation: boolean;
  noiseSuppression: boolean;
  gainControl: boolean;
}

/** Samples of a block: 10 ms. */
const BLOCK = 480;
/** What a new echo canceller is told of the past, blocks: 0.3 s. With more it had to hear as much without echo, and learns later. */
const RETOLD_BLOCKS = 30;
/** RNNoise's own estimate that a block is speech. */
const SPEECH_PROBABILITY = 0.6;
/** Without it: louder than this, mean power. */
const SPEECH_POWER = 1e-4;

/** What is used of `@ennuicastr/webrtcaec3.js`: the echo canceller of WebRTC (AEC3), as WebAssembly. */
interface Aec3 {
  analyze(render: Float32Array[]): void;
  process(output: Float32Array[], capture: Float32Array[]): void;
  free(): void;
}
type MakeAec3 = new (sampleRate: number, renderChannels: number, captureChannels: number) => Aec3;
type Aec3Module = () => Promise<{ AEC3: MakeAec3 }>;
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
  readonly #echo: EchoCanceller | null;
  readonly #noise: NoiseSuppressor | null;
  readonly #gain: GainControl | null;

  private constructor(echo: EchoCanceller | null, noise: NoiseSuppressor | null, gain: GainControl | null) {
    this.#echo = echo;
    this.#noise = noise;
    this.#gain = gain;
  }

  /** @throws Error when a library does not load */
  static async load(choice: VoiceChoice): Promise<VoiceChain> {
    const [echo, noise] = await Promise.all([
      choice.echoCancellation ? EchoCanceller.load() : null,
      choice.noiseSuppression ? NoiseSuppressor.load() : null,
    ]);
    return new VoiceChain(echo, noise, choice.gainControl ? new GainControl() : null);
  }

  /** Gives back what the echo canceller holds: the memory of its module has room for some thirty. */
  close(): void {
    this.#echo?.close();
  }

  /** What the loudspeaker is about to play. */
  hear(frame: Int16Array): void {
    if (this.#echo === null) return;
    for (let at = 0; at + BLOCK <= frame.length; at += BLOCK)
      this.#echo.hear(toFloat(frame.subarray(at, at + BLOCK)));
  }

  /** A block of 10 ms from the microphone. */
  process(captured: Int16Array): Int16Array {
    let block = toFloat(captured);
    if (this.#echo !== null) block = this.#echo.process(block);
    const probability = this.#noise?.process(block);
    const isSpeech =
      probability === undefined ? powerOf(block) > SPEECH_POWER : probability > SPEECH_PROBABILITY;
    this.#gain?.process(block, isSpeech);
    return toInt16(block);
  }
}

let aec3: ReturnType<Aec3Module> | undefined;

async function loadAec3(): Promise<MakeAec3> {
  // CommonJS; by `require` it is found from the built programs too. Once a thread: each time it is made it listens to `uncaughtException` anew, for good.
  aec3 ??= (createRequire(import.meta.url)(AEC3_PACKAGE) as Aec3Module)();
  return (await aec3).AEC3;
}

/** AEC3 where there is an echo, and nothing where it is proven that there is none. */
class EchoCanceller {
  readonly #Aec3: MakeAec3;
  #aec3: Aec3;
  readonly #presence = new EchoPresence();
  /** Listens while no echo was proven. */
  #return: EchoReturn | null = null;
  readonly #lastPlayed: Float32Array[] = [];
  readonly #lastHeard: Float32Array[] = [];
  /** How much of what the echo canceller gives is taken, the rest being what went in: 0 where there is no echo. */
  #cancelled = 1;

  private constructor(Aec3: MakeAec3) {
    this.#Aec3 = Aec3;
    this.#aec3 = this.#makeAec3();
  }

  static async load(): Promise<EchoCanceller> {
    return new EchoCanceller(await loadAec3());
  }

  #makeAec3(): Aec3 {
    return new this.#Aec3(48_000, 1, 1);
  }

  close(): void {
    this.#aec3.free();
  }

  hear(block: Float32Array): void {
    this.#presence.handlePlayed(powerOf(block));
    this.#return?.handlePlayed(block);
    keepLast(this.#lastPlayed, block);
    this.#aec3.analyze([block]);
  }

  /** Where there is no echo to take out, what goes in; from one to the other within a block. */
  process(block: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    this.#presence.handleHeard(powerOf(block));
    keepLast(this.#lastHeard, block);
    if (this.#return?.handleHeard(block)) this.#beginAnew();
    const out = new Float32Array(BLOCK);
    this.#aec3.process([out], [block]);
    const from = this.#cancelled;
    const { isAbsent } = this.#presence;
    this.#return = isAbsent ? (this.#return ?? new EchoReturn()) : null;
    this.#cancelled = isAbsent ? 0 : 1;
    const step = (this.#cancelled - from) / BLOCK;
    for (let i = 0; i < BLOCK; i++) {
      const share = from + step * (i + 1);
      out[i] = share * out[i]! + (1 - share) * block[i]!;
    }
    return out;
  }

  /** AEC3 has learnt that there is no echo, and unlearns it within 0.5 to 2 s. A new one takes everything for echo at first. */
  #beginAnew(): void {
    this.#presence.handleEcho();
    this.#aec3.free();
    this.#aec3 = this.#makeAec3();
    const out = new Float32Array(BLOCK);
    for (const [i, heard] of this.#lastHeard.entries()) {
      const played = this.#lastPlayed[i];
      if (played) this.#aec3.analyze([played]);
      // The newest one comes next.
      if (i < this.#lastHeard.length - 1) this.#aec3.process([out], [heard]);
    }
  }
}

function keepLast(blocks: Float32Array[], block: Float32Array): void {
  blocks.push(block);
  if (blocks.length > RETOLD_BLOCKS) blocks.shift();
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
