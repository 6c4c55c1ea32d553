import { crc32, deflateSync } from 'node:zlib';
import { type HeardWord, melSpectrogram, WORD_HEARD_THRESHOLD } from '@overcall/quality';

const RATE_HZ = 48_000;
const HOP_MS = 15;
const BANDS = 64;
const LOW_HZ = 80;
const HIGH_HZ = 7000;
/** From white to black, dB below the loudest. */
const RANGE_DB = 60;
/** Steps of grey: fewer make smaller files. */
const SHADES = 16;
const ROW_HEIGHT = 128;
const LABEL_HEIGHT = 16;

/** Spoken above heard, with the words over them: an SVG. `shiftMs`: how much later the second recording says the same. */
export function spectrogramPicture(
  spoken: Int16Array,
  heard: Int16Array,
  words: readonly HeardWord[],
  shiftMs: number,
): string {
  const from = Math.max(0, Math.round((shiftMs * RATE_HZ) / 1000));
  const rows = [spoken, heard.subarray(from, from + spoken.length)].map(pngOf);
  const width = Math.ceil(spoken.length / (RATE_HZ / 1000) / HOP_MS);
  const labels = words.map(({ word, startMs, clarity }) => {
    const colour = clarity < WORD_HEARD_THRESHOLD ? '#c00' : '#060';
    return `<text x="${Math.round(startMs / HOP_MS)}" y="11" fill="${colour}">${word}</text>`;
  });
  const images = rows.map(
    (png, row) =>
      `<image x="0" y="${LABEL_HEIGHT + row * (ROW_HEIGHT + 4)}" width="${width}" height="${ROW_HEIGHT}" preserveAspectRatio="none" href="data:image/png;base64,${png.toString('base64')}"/>`,
  );
  const height = LABEL_HEIGHT + 2 * (ROW_HEIGHT + 4);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="8">`,
    '<title>Spectrograms of what was spoken, above, and what was heard, below</title>',
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...labels,
    ...images,
    '</svg>',
    '',
  ].join('\n');
}

/** Time to the right, frequency upwards (mel), loud is dark; greyscale. */
function pngOf(samples: Int16Array): Buffer {
  const { frames, power } = melSpectrogram(samples, {
    sampleRateHz: RATE_HZ,
    windowSamples: (RATE_HZ / 1000) * 25,
    hopSamples: (RATE_HZ / 1000) * HOP_MS,
    ...{ bands: BANDS, lowHz: LOW_HZ, highHz: HIGH_HZ },
  });
  const loudest = power.reduce((most, each) => Math.max(most, each), 1);
  const lines = Buffer.alloc((frames + 1) * BANDS);
  for (let row = 0; row < BANDS; row++) {
    for (let frame = 0; frame < frames; frame++) {
      const belowDb = -10 * Math.log10(power[frame * BANDS + BANDS - 1 - row]! / loudest + 1e-12);
      const shade = Math.round((Math.min(1, belowDb / RANGE_DB) * (SHADES - 1)) | 0);
      lines[row * (frames + 1) + 1 + frame] = (shade * 255) / (SHADES - 1);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(frames, 0);
  header.writeUInt32BE(BANDS, 4);
  header.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
