import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import wavefile from 'wavefile';
import { FRAME_SAMPLES } from './audio-format.ts';
import { parseSinkSpec } from './audio-spec.ts';
import { spoken } from './sound.test-support.ts';
import { openSource } from './sources.ts';
import { readRecording } from './wav-reader.ts';
import { WavWriter } from './wav-writer.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'overcall-wav-'));
});
afterAll(() => rmSync(dir, { recursive: true }));
const file = (name: string, bytes: Uint8Array | string) => {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
};

const SECONDS = 0.5;
const sine = (rateHz: number, at: number) => 0.5 * Math.sin((2 * Math.PI * 440 * at) / rateHz);

/** A WAV of half a second of 440 Hz in every channel, as wavefile writes it. */
function wav(rateHz: number, channels: number, depth: string): Uint8Array {
  const scale = depth.endsWith('f') || depth === '64' ? 1 : 2 ** (Number(depth) - 1) - 1;
  const offset = depth === '8' ? 128 : 0;
  const one = Array.from(
    { length: Math.floor(rateHz * SECONDS) },
    (_, i) => Math.round(sine(rateHz, i) * scale * 1e6) / 1e6 + offset,
  );
  const wave = new wavefile.WaveFile();
  wave.fromScratch(
    channels,
    rateHz,
    depth,
    channels === 1 ? one : Array.from({ length: channels }, () => one),
  );
  return wave.toBuffer();
}

/** Largest deviation from the sine, away from the edges where the resampler's filter rings. */
function deviation(samples: Int16Array): number {
  let worst = 0;
  for (let i = 1000; i < samples.length - 1000; i++) {
    worst = Math.max(worst, Math.abs(samples[i]! / 32768 - sine(48_000, i)));
  }
  return worst;
}

test.each([
  [48_000, 1, '16'],
  [44_100, 2, '16'],
  [8_000, 1, '8'],
  [16_000, 1, '16'],
  [22_050, 2, '24'],
  [96_000, 6, '24'],
  [48_000, 2, '32'],
  [11_025, 1, '32f'],
  [192_000, 2, '64'],
])('reads %i Hz, %i channels, %s bits', async (rateHz, channels, depth) => {
  const samples = await readRecording(file('x.wav', wav(rateHz, channels, depth)));
  expect(samples.length).toBe(Math.round((Math.floor(rateHz * SECONDS) * 48_000) / rateHz));
  expect(deviation(samples)).toBeLessThan(depth === '8' ? 0.01 : 0.0005);
});

test('channels are mixed down, not dropped', async () => {
  const wave = new wavefile.WaveFile();
  wave.fromScratch(2, 48_000, '16', [new Array(960).fill(8000), new Array(960).fill(-2000)]);
  expect((await readRecording(file('mix.wav', wave.toBuffer())))[500]).toBe(3000);
});

test('a long recording keeps its length and its pitch to the end', async () => {
  const wave = new wavefile.WaveFile();
  const samples = Array.from({ length: 44_100 * 20 }, (_, i) => Math.round(sine(44_100, i) * 32_767));
  wave.fromScratch(1, 44_100, '16', samples);
  const read = await readRecording(file('long.wav', wave.toBuffer()));
  expect(read.length).toBe(48_000 * 20);
  expect(Math.max(...read.subarray(-40).map(Math.abs))).toBeGreaterThan(10_000);
  expect(deviation(read)).toBeLessThan(0.0005);
});

test('chunks it does not know are skipped, odd sizes with their padding', async () => {
  const plain = wav(48_000, 1, '16');
  const data = Buffer.from(plain).indexOf('data');
  const chunk = Buffer.from('LIST\x05\0\0\0INFOx\0', 'latin1');
  const bytes = Buffer.concat([plain.subarray(0, data), chunk, plain.subarray(data)]);
  expect(deviation(await readRecording(file('chunks.wav', bytes)))).toBeLessThan(0.0005);
});

test.each([
  1, 2001, 30_001,
])('a data chunk that is %i bytes short is read as far as it goes', async (missing) => {
  const whole = wav(48_000, 1, '16');
  const samples = await readRecording(file('short.wav', whole.subarray(0, whole.length - missing)));
  expect(samples.length).toBe(Math.floor((48_000 * SECONDS * 2 - missing) / 2));
  expect(deviation(samples)).toBeLessThan(0.0005);
});

test('a data chunk of unknown size (streamed) is read to the end', async () => {
  const bytes = wav(48_000, 1, '16');
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(40, 0xffffffff, true);
  expect((await readRecording(file('stream.wav', bytes))).length).toBe(48_000 * SECONDS);
});

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error) => {
      expect(error.message).not.toContain('\n');
      return error.code;
    },
  );

test('what cannot be read has a code and one line that names the file', async () => {
  const header = wav(48_000, 1, '16').slice(0, 44);
  new DataView(header.buffer).setUint32(40, 0, true);
  const huge = file('huge.wav', header);
  truncateSync(huge, 3.9e9);
  const adpcm = new wavefile.WaveFile(wav(8000, 1, '16'));
  adpcm.toIMAADPCM();
  const cases: [string, string][] = [
    [join(dir, 'nothing.wav'), 'recording-missing'],
    [dir, 'recording-unreadable'],
    [huge, 'recording-too-large'],
    [file('empty.wav', ''), 'recording-empty'],
    [file('header.wav', header), 'recording-empty'],
    [file('text.wav', 'this is no recording at all, however long it may be'), 'recording-not-wav'],
    [file('cut.wav', header.subarray(0, 30)), 'recording-not-wav'],
    [file('adpcm.wav', adpcm.toBuffer()), 'recording-not-wav'],
    [file('mp3.wav', Uint8Array.of(0xff, 0xfb, 0x90, 0x64, 0, 0, 0, 0)), 'recording-not-wav'],
  ];
  for (const [path, expected] of cases) {
    expect([path, await code(readRecording(path))]).toEqual([path, expected]);
    await expect(readRecording(path)).rejects.toThrow(path);
  }
});

test('a folder is no matter of rights', async () => {
  await expect(readRecording(dir)).rejects.toMatchObject({
    message: `${dir} is a folder`,
    remedy: 'give the path of a recording in it',
  });
});

test('a pipe is read to the end of the last writer, whether it came before or comes later', async () => {
  const pipe = join(dir, 'pipe.wav');
  execFileSync('mkfifo', [pipe]);
  const bytes = wav(48_000, 1, '16');
  for (const isBefore of [true, false]) {
    const writing = isBefore ? writeFile(pipe, bytes) : null;
    if (isBefore) await new Promise(setImmediate);
    const reading = readRecording(pipe);
    await (writing ?? writeFile(pipe, bytes));
    expect((await reading).length).toBe(48_000 * SECONDS);
  }
});

test.each([
  999, 192_001, 384_000,
])('a rate of %i Hz, which the resampler does not take, is refused with a code', async (rateHz) => {
  const bytes = wav(48_000, 1, '16');
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(24, rateHz, true);
  expect(await code(readRecording(file('rate.wav', bytes)))).toBe('recording-not-wav');
});

test('a damaged header gives samples or one of the codes, nothing else', async () => {
  const good = wav(48_000, 1, '16').slice(0, 2000);
  const damage = fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(damage, async (changes) => {
      const bytes = good.slice();
      for (const [at, value] of changes) bytes[at] = value;
      expect(['no error', 'recording-not-wav', 'recording-empty']).toContain(
        await code(readRecording(file('damaged.wav', bytes))),
      );
    }),
    { numRuns: 150 },
  );
});

test('what was written is read back, and other programs see the same', async () => {
  const samples = (await spoken('alice')).subarray(0, 48_000);
  const sink = new WavWriter(join(dir, 'out.wav'));
  for (let at = 0; at < samples.length; at += FRAME_SAMPLES)
    sink.write(samples.subarray(at, at + FRAME_SAMPLES));
  await sink.close();
  expect(await readRecording(join(dir, 'out.wav'))).toEqual(samples);
  const wave = new wavefile.WaveFile(readFileSync(join(dir, 'out.wav')));
  expect(wave.fmt).toMatchObject({ audioFormat: 1, numChannels: 1, sampleRate: 48_000, bitsPerSample: 16 });
  expect(wave.chunkSize).toBe(36 + 48_000 * 2);
});

test('the file is valid at any moment, at most 200 ms behind', async () => {
  const path = join(dir, 'live.wav');
  const writer = new WavWriter(path);
  for (let frame = 1; frame <= 35; frame++) {
    writer.write(new Int16Array(FRAME_SAMPLES).fill(frame));
    const bytes = readFileSync(path);
    const dataBytes = bytes.readUInt32LE(40);
    expect(bytes.length).toBe(44 + dataBytes);
    expect(bytes.readUInt32LE(4)).toBe(36 + dataBytes);
    expect(frame - dataBytes / 2 / FRAME_SAMPLES).toBeLessThan(10);
  }
  await writer.close();
  writer.write(new Int16Array(FRAME_SAMPLES));
  await writer.close();
  expect(readFileSync(path).length).toBe(44 + 35 * FRAME_SAMPLES * 2);
});

test('a file that cannot be made says so at once', async () => {
  expect(() => new WavWriter(join(dir, 'no', 'such', 'folder.wav'))).toThrow(
    expect.objectContaining({ code: 'recording-unwritable' }),
  );
});

test('sources: a recording ends with a padded frame and then null, a tone and silence never', async () => {
  const wave = new wavefile.WaveFile();
  wave.fromScratch(1, 48_000, '16', new Array(1000).fill(7));
  const path = file('source.wav', wave.toBuffer());
  const source = await openSource(path);
  expect(source.label).toBe(path);
  expect(source.next()).toEqual(new Int16Array(960).fill(7));
  expect(source.next()).toEqual(new Int16Array(960).fill(7, 0, 40));
  expect(source.next()).toBeNull();
  expect(source.next()).toBeNull();
  const tone = await openSource('tone:1000');
  const [first, second] = [tone.next()!, tone.next()!];
  expect(Math.max(...first)).toBe(8192);
  // 20 whole periods in a frame: the second one goes on where the first ended.
  expect(second.every((sample, i) => Math.abs(sample - first[i]!) <= 1)).toBe(true);
  expect((await openSource('null')).next()).toEqual(new Int16Array(960));
});

test('specifications that mean nothing, and devices that are not there, are clear errors', async () => {
  expect(await code(openSource('tone:5'))).toBe('audio-spec-unknown');
  expect(await code(openSource('tune'))).toBe('audio-spec-unknown');
  expect(() => parseSinkSpec('x.mp3')).toThrow(expect.objectContaining({ code: 'audio-spec-unknown' }));
  expect(await code(openSource('/no/such.wav'))).toBe('recording-missing');
  expect(parseSinkSpec('null')).toEqual({ kind: 'null' });
});
