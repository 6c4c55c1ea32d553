import { fileURLToPath } from 'node:url';
import { OpusEncoder } from './opus-encoder.ts';
import { samplesSource } from './sources.ts';
import { readRecording } from './wav-reader.ts';

/** The spoken recordings of the repository, for tests. */
export function spoken(name: 'alice' | 'bob'): Promise<Int16Array> {
  return readRecording(fileURLToPath(new URL(`../../../test/recordings/${name}.wav`, import.meta.url)));
}

/** All Opus packets of some samples. */
export function packetsOf(samples: Int16Array, encoder = new OpusEncoder()): Uint8Array[] {
  const source = samplesSource(samples, 'test');
  const packets: Uint8Array[] = [];
  for (let frame = source.next(); frame; frame = source.next()) packets.push(encoder.encode(frame));
  return packets;
}

/** Root mean square of the difference of two frames. */
export function rmsDifference(a: Int16Array, b: Int16Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum / a.length);
}
