import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What is used of the WebAssembly API: neither ES2023 nor Node's types declare it. */
interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
    imports: Record<string, Record<string, () => number>>,
  ) => { exports: unknown };
}
const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };

/** The part of libopus in `@evan/opus/wasm` that decoding needs; pointers are offsets into `memory`. */
export interface OpusWasm {
  memory: { readonly buffer: ArrayBuffer };
  malloc(bytes: number): number;
  opus_decoder_get_size(channels: number): number;
  opus_decoder_init(state: number, rateHz: number, channels: number): number;
  /** Samples decoded, or a negative error. `data` = 0 conceals; `decodeFec` = 1 decodes the frame before. */
  opus_decode(
    state: number,
    data: number,
    bytes: number,
    pcm: number,
    frameSamples: number,
    decodeFec: number,
  ): number;
}

let compiled: object | null = null;

function compile(): object {
  const require = createRequire(import.meta.url);
  const simd = readFileSync(require.resolve('@evan/opus/wasm/simd.wasm'));
  if (WebAssembly.validate(simd)) return new WebAssembly.Module(simd);
  return new WebAssembly.Module(readFileSync(require.resolve('@evan/opus/wasm/opus.wasm')));
}

/** A new instance with its own memory; compiled once in a process. */
export function instantiateOpus(): OpusWasm {
  compiled ??= compile();
  const nothing = () => 0;
  const instance = new WebAssembly.Instance(compiled, {
    wasi_snapshot_preview1: { fd_seek: nothing, fd_write: nothing, fd_close: nothing, proc_exit: nothing },
    env: { emscripten_notify_memory_growth: nothing },
  });
  const exports = instance.exports as OpusWasm & { _initialize?: () => void };
  exports._initialize?.();
  return exports;
}
