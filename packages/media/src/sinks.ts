import { deviceMissing, parseSinkSpec } from './audio-spec.ts';
import { WavWriter } from './wav-writer.ts';

/** Where the sound that is received goes. */
export interface AudioSink {
  write(frame: Int16Array): void;
  close(): Promise<void>;
}

/** Opens `x.wav`, `null` or `speaker`; throws OvercallErrors fit for people. */
export async function openSink(spec: string): Promise<AudioSink> {
  const parsed = parseSinkSpec(spec);
  switch (parsed.kind) {
    case 'file':
      return new WavWriter(parsed.path);
    case 'null':
      return { write() {}, async close() {} };
    case 'speaker':
      throw deviceMissing('speaker');
  }
}
