import { parseSinkSpec } from './audio-spec.ts';
import { WavWriter } from './wav-writer.ts';

/** Where the sound that is received goes. */
export interface AudioSink {
  write(frame: Int16Array): void;
  close(): Promise<void>;
}

/** Opens `x.wav` or `null`; throws OvercallErrors fit for people. Devices are opened by `devices/`. */
export async function openSink(spec: string): Promise<AudioSink> {
  const parsed = parseSinkSpec(spec);
  switch (parsed.kind) {
    case 'file':
      return new WavWriter(parsed.path);
    case 'null':
      return { write() {}, async close() {} };
    case 'speaker':
      throw new TypeError('a speaker is no recording');
  }
}
