import { closeSync, existsSync, openSync, unlinkSync } from 'node:fs';
import { extname } from 'node:path';
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
 * recording from its start and writes a file of its own: `x.wav`, `x-2.wav`, ... A recording that fails later (the
 * disk is full) is reported once; the call goes on without it.
 * @throws OvercallError when a recording cannot be read or written, or there is no such device
 */
export async function chooseAudio(
  play: string,
  record: string,
  onRecordingFailed: (error: Error) => void,
): Promise<MediaChoice> {
  const makeSource = await chooseSource(play);
  const makeSink = chooseSink(record);
  return () => ({ source: makeSource(), sink: forgiving(makeSink, onRecordingFailed) });
}

const NO_SINK: AudioSink = { write() {}, async close() {} };

/** A sink whose errors end the recording, not the call. */
function forgiving(makeSink: () => AudioSink, onFailed: (error: Error) => void): AudioSink {
  let sink = NO_SINK;
  const guard = (error: unknown) => {
    sink = NO_SINK;
    onFailed(error as Error);
  };
  try {
    sink = makeSink();
  } catch (error) {
    guard(error);
  }
  return {
    write(frame) {
      try {
        sink.write(frame);
      } catch (error) {
        guard(error);
      }
    },
    async close() {
      await sink.close().catch(guard);
    },
  };
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
  if (parsed.kind === 'null') return () => NO_SINK;
  refuseUnwritable(parsed.path);
  let calls = 0;
  return () => new WavWriter(numbered(parsed.path, ++calls));
}

/** Tries it: opens the file for writing and leaves everything as it was. */
function refuseUnwritable(path: string): void {
  const existed = existsSync(path);
  try {
    closeSync(openSync(path, 'a'));
    if (!existed) unlinkSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('recording-unwritable', `cannot record to ${path} (${code})`, { cause });
  }
}

function numbered(path: string, call: number): string {
  if (call === 1) return path;
  const extension = extname(path);
  return `${path.slice(0, -extension.length)}-${call}${extension}`;
}
