import { accessSync, constants } from 'node:fs';
import { dirname, extname } from 'node:path';
import {
  type AudioSink,
  type AudioSource,
  deviceMissing,
  openSource,
  parseSinkSpec,
  parseSourceSpec,
  readRecording,
  samplesSource,
  WavWriter,
} from '@overcall/media';
import { OvercallError } from '@overcall/wire';
import type { MediaChoice } from './call-media.ts';

/**
 * Checks and loads what `--play` and `--record` name before anybody's phone rings. Each call then plays the
 * recording from its start and writes a file of its own: `x.wav`, `x-2.wav`, ...
 * @throws OvercallError when a recording cannot be read or written, or there is no such device
 */
export async function chooseAudio(play: string, record: string): Promise<MediaChoice> {
  const makeSource = await chooseSource(play);
  const makeSink = chooseSink(record);
  return () => ({ source: makeSource(), sink: makeSink() });
}

async function chooseSource(spec: string): Promise<() => AudioSource> {
  const parsed = parseSourceSpec(spec);
  if (parsed.kind === 'file') {
    const samples = await readRecording(parsed.path);
    return () => samplesSource(samples, parsed.path);
  }
  const source = await openSource(spec);
  return () => source;
}

function chooseSink(spec: string): () => AudioSink {
  const parsed = parseSinkSpec(spec);
  if (parsed.kind === 'speaker') throw deviceMissing('speaker');
  if (parsed.kind === 'null') return () => ({ write() {}, async close() {} });
  refuseUnwritable(parsed.path);
  let calls = 0;
  return () => new WavWriter(numbered(parsed.path, ++calls));
}

function refuseUnwritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new OvercallError(
      'recording-unwritable',
      `cannot record to ${path}: its folder is missing or not writable`,
      {
        cause,
      },
    );
  }
}

function numbered(path: string, call: number): string {
  if (call === 1) return path;
  const extension = extname(path);
  return `${path.slice(0, -extension.length)}-${call}${extension}`;
}
