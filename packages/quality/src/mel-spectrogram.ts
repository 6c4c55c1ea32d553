import FFT from 'fft.js';

const FFT_SAMPLES = 2048;

export interface SpectrogramOptions {
  sampleRateHz: number;
  windowSamples: number;
  hopSamples: number;
  bands: number;
  lowHz: number;
  highHz: number;
}

export interface Spectrogram {
  bands: number;
  frames: number;
  /** Power of frame f in band b at [f * bands + b]. */
  power: Float32Array;
}

/** Mel scale: O'Shaughnessy's formula, as in HTK. */
const toMel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
const toHz = (mel: number) => 700 * (10 ** (mel / 2595) - 1);

interface Band {
  firstBin: number;
  weights: Float64Array;
}

/** Triangular filters, each from the centre of its lower neighbour to that of its upper one. */
function melBands(options: SpectrogramOptions): Band[] {
  const binHz = options.sampleRateHz / FFT_SAMPLES;
  const low = toMel(options.lowHz);
  const step = (toMel(options.highHz) - low) / (options.bands + 1);
  return Array.from({ length: options.bands }, (_, i) => {
    const [from, centre, to] = [0, 1, 2].map((k) => toHz(low + (i + k) * step) / binHz) as [
      number,
      number,
      number,
    ];
    const firstBin = Math.ceil(from);
    const weights = new Float64Array(Math.floor(to) - firstBin + 1);
    for (let k = 0; k < weights.length; k++) {
      const bin = firstBin + k;
      weights[k] = bin <= centre ? (bin - from) / (centre - from) : (to - bin) / (to - centre);
    }
    return { firstBin, weights };
  });
}

function hann(samples: number): Float64Array {
  return Float64Array.from({ length: samples }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / samples));
}

/** Short-time power in mel bands. The last, incomplete window is left out. */
export function melSpectrogram(samples: Float32Array | Int16Array, options: SpectrogramOptions): Spectrogram {
  const { windowSamples, hopSamples, bands } = options;
  const frames = Math.max(0, Math.floor((samples.length - windowSamples) / hopSamples) + 1);
  const power = new Float32Array(frames * bands);
  const filters = melBands(options);
  const window = hann(windowSamples);
  const fft = new FFT(FFT_SAMPLES);
  const input: number[] = new Array(FFT_SAMPLES).fill(0);
  const spectrum: number[] = fft.createComplexArray();
  for (let frame = 0; frame < frames; frame++) {
    const at = frame * hopSamples;
    for (let i = 0; i < windowSamples; i++) input[i] = samples[at + i]! * window[i]!;
    fft.realTransform(spectrum, input);
    for (let band = 0; band < bands; band++) {
      const { firstBin, weights } = filters[band]!;
      let sum = 0;
      for (let k = 0; k < weights.length; k++) {
        const re = spectrum[2 * (firstBin + k)]!;
        const im = spectrum[2 * (firstBin + k) + 1]!;
        sum += weights[k]! * (re * re + im * im);
      }
      power[frame * bands + band] = sum;
    }
  }
  return { bands, frames, power };
}
