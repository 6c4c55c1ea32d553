import { OvercallError } from '@overcall/wire';
import wavefile from 'wavefile';
import { toInt16 } from './audio-format.ts';
import { readRecordingBytes } from './recording-bytes.ts';
import { MAX_RATE_HZ, MIN_RATE_HZ, resampleTo48k } from './resample.ts';

/** The fields of a `fmt ` chunk that matter here; the types of `wavefile` leave them open. */
interface WavFormat {
  numChannels: number;
  sampleRate: number;
  bitsPerSample: number;
}

interface WavContent {
  format: WavFormat;
  floatingPoint: boolean;
  littleEndian: boolean;
  bytes: Uint8Array;
}

/**
 * Reads a recording as 48 kHz mono: WAV (RIFF, RIFX, RF64) with 8 to 32-bit integer, 32 or 64-bit float,
 * A-law or mu-law samples, any channel count (mixed down) and any rate (resampled). A data chunk that ends early is
 * read as far as it goes. IMA ADPCM is refused: `wavefile` makes a block 7 samples too long and leaves out the last one.
 *
 * Throws an OvercallError: `recording-not-wav`, or as {@link readRecordingBytes}.
 */
export async function readRecording(path: string): Promise<Int16Array> {
  const content = parseWav(path, await readRecordingBytes(path));
  const mono = mixDown(content);
  if (mono.length === 0) {
    throw new OvercallError('recording-empty', `the recording ${path} holds no sound`);
  }
  return toInt16(await resampleTo48k(mono, content.format.sampleRate));
}

function parseWav(path: string, bytes: Uint8Array): WavContent {
  const wave = new wavefile.WaveFile();
  try {
    wave.fromBuffer(bytes);
    if (wave.bitDepth === '8a') wave.fromALaw();
    else if (wave.bitDepth === '8m') wave.fromMuLaw();
  } catch (cause) {
    throw new OvercallError('recording-not-wav', `${path} is not a WAV file that can be read`, { cause });
  }
  const format = wave.fmt as WavFormat;
  const bits = format.bitsPerSample;
  const floatingPoint = wave.bitDepth === '32f' || wave.bitDepth === '64';
  const known = floatingPoint || (bits >= 8 && bits <= 32);
  const rate = format.sampleRate;
  if (!known || !(format.numChannels >= 1) || !(rate >= MIN_RATE_HZ && rate <= MAX_RATE_HZ)) {
    const found = `${bits} bits, ${format.numChannels} channels, ${rate} Hz`;
    throw new OvercallError('recording-not-wav', `${path} has a WAV format that cannot be played (${found})`);
  }
  return {
    format,
    floatingPoint,
    littleEndian: wave.container !== 'RIFX',
    bytes: (wave.data as { samples: Uint8Array }).samples,
  };
}

/** Mean of the channels, each sample scaled to -1..1. */
function mixDown({ format, floatingPoint, littleEndian, bytes }: WavContent): Float32Array {
  const bytesPerSample = Math.ceil(format.bitsPerSample / 8);
  const frames = Math.floor(bytes.length / (bytesPerSample * format.numChannels));
  const read = sampleReader(bytes, bytesPerSample, floatingPoint, littleEndian);
  const mono = new Float32Array(frames);
  let at = 0;
  for (let i = 0; i < frames; i++) {
    let sum = 0;
    for (let channel = 0; channel < format.numChannels; channel++) {
      sum += read(at);
      at += bytesPerSample;
    }
    // Not finite in a damaged float file: the resampler would spread it.
    mono[i] = Number.isFinite(sum) ? sum / format.numChannels : 0;
  }
  return mono;
}

function sampleReader(bytes: Uint8Array, bytesPerSample: number, floatingPoint: boolean, little: boolean) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (floatingPoint && bytesPerSample === 8) return (at: number) => view.getFloat64(at, little);
  if (floatingPoint) return (at: number) => view.getFloat32(at, little);
  switch (bytesPerSample) {
    case 1:
      // 8-bit WAV is unsigned, every other depth signed.
      return (at: number) => (view.getUint8(at) - 128) / 128;
    case 2:
      return (at: number) => view.getInt16(at, little) / 2 ** 15;
    case 3: {
      const [low, high] = little ? [0, 2] : [2, 0];
      return (at: number) =>
        ((view.getInt8(at + high) << 16) | (view.getUint8(at + 1) << 8) | view.getUint8(at + low)) / 2 ** 23;
    }
    default:
      return (at: number) => view.getInt32(at, little) / 2 ** 31;
  }
}
