import { extname } from 'node:path';
import {
  type AudioSink,
  type AudioSource,
  checkDevice,
  chooseProgram,
  type DeviceEvent,
  type DevicesOfCall,
  openDevicesOfCall,
  openSource,
  parseSinkSpec,
  parseSourceSpec,
  readRecording,
  refuseUnwritable,
  samplesSource,
  WavWriter,
} from '@overcall/media';
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
  const openDevices = await chooseDevices(options, reports.device);
  const makeSource = await chooseSource(options.play);
  const makeSink = chooseSink(options.record);
  return () => {
    const { microphone, speaker } = openDevices();
    const source = microphone ?? makeSource();
    const sink = speaker ?? forgiving(makeSink, reports.recordingFailed);
    return { source, sink, dtx: options.dtx ?? false };
  };
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

/** Finds the devices that are wanted, and says how to open them. */
async function chooseDevices(
  options: AudioOptions,
  onEvent: (event: DeviceEvent) => void,
): Promise<() => DevicesOfCall> {
  const { play, record, audioProgram } = options;
  const [source, sink] = [parseSourceSpec(play), parseSinkSpec(record)];
  const mic = source.kind === 'mic' ? source : null;
  const speaker = sink.kind === 'speaker' ? sink : null;
  if (mic === null && speaker === null) return () => ({ microphone: null, speaker: null });
  const program = await chooseProgram(audioProgram, mic === null ? 'speaker' : 'mic');
  if (mic !== null) await checkDevice(program, 'mic', mic.device);
  if (speaker !== null) await checkDevice(program, 'speaker', speaker.device);
  return () => openDevicesOfCall({ program, mic, speaker, voice: options, onEvent });
}

async function chooseSource(spec: string): Promise<() => AudioSource> {
  const parsed = parseSourceSpec(spec);
  // A microphone was opened already.
  if (parsed.kind === 'mic') return () => samplesSource(new Int16Array(0), spec);
  if (parsed.kind === 'file') {
    const samples = await readRecording(parsed.path);
    return () => samplesSource(samples, parsed.path);
  }
  const source = await openSource(spec);
  return () => source;
}

function chooseSink(spec: string): () => AudioSink {
  const parsed = parseSinkSpec(spec);
  if (parsed.kind !== 'file') return () => NO_SINK;
  refuseUnwritable(parsed.path);
  let calls = 0;
  return () => new WavWriter(numbered(parsed.path, ++calls));
}

function numbered(path: string, call: number): string {
  if (call === 1) return path;
  const extension = extname(path);
  return `${path.slice(0, -extension.length)}-${call}${extension}`;
}
