import { closeSync, existsSync, openSync, unlinkSync } from 'node:fs';
import { extname } from 'node:path';
import {
  type AudioSink,
  checkDevice,
  chooseProgram,
  Microphone,
  openSource,
  parseSinkSpec,
  parseSourceSpec,
  readRecording,
  Speaker,
  samplesSource,
  WavWriter,
} from '@overcall/media';
import { OvercallError } from '@overcall/wire';
import type { AudioOptions, AudioReports } from './audio-options.ts';
import type { MediaChoice } from './call-media.ts';

/**
 * Checks and loads what `--play` and `--record` name before anybody's phone rings. Each call then plays the
 * recording from its start and writes a file of its own: `x.wav`, `x-2.wav`, ... A recording that fails later (the
 * disk is full) is reported once, and so is a device that goes; the call goes on. Devices are opened when a call is
 * answered and closed when it ends: nobody is listened to in between.
 * @throws OvercallError when a recording cannot be read or written, or there is no such device
 */
export async function chooseAudio(options: AudioOptions, reports: AudioReports): Promise<MediaChoice> {
  const makeSource = await chooseSource(options, reports);
  const makeSink = await chooseSink(options, reports);
  return () => ({ source: makeSource(), sink: forgiving(makeSink, reports.recordingFailed) });
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

async function chooseSource({ play, audioProgram }: AudioOptions, reports: AudioReports) {
  const parsed = parseSourceSpec(play);
  if (parsed.kind === 'file') {
    const samples = await readRecording(parsed.path);
    return () => samplesSource(samples, parsed.path);
  }
  if (parsed.kind === 'mic') {
    const { device } = parsed;
    const program = await chooseProgram(audioProgram, 'mic');
    await checkDevice(program, 'mic', device);
    return () => new Microphone({ program, device, onEvent: reports.device });
  }
  const source = await openSource(play);
  return () => source;
}

async function chooseSink(
  { record, audioProgram }: AudioOptions,
  reports: AudioReports,
): Promise<() => AudioSink> {
  const parsed = parseSinkSpec(record);
  if (parsed.kind === 'null') return () => NO_SINK;
  if (parsed.kind === 'speaker') {
    const { device } = parsed;
    const program = await chooseProgram(audioProgram, 'speaker');
    await checkDevice(program, 'speaker', device);
    return () => new Speaker({ program, device, onEvent: reports.device });
  }
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
