import { closeSync, constants, existsSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { OvercallError } from '@overcall/wire';
import { SAMPLE_RATE_HZ } from './audio-format.ts';
import { WITHOUT_WAITING } from './recording-bytes.ts';

const HEADER_BYTES = 44;
/** RIFF sizes are 32 bits: 12 hours of 48 kHz mono. What comes later is not written. */
const MAX_DATA_BYTES = 0xffffffff - HEADER_BYTES;
/** Samples that wait in memory: 200 ms. A killed process loses no more than this. */
const FLUSH_SAMPLES = SAMPLE_RATE_HZ / 5;

const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = constants;
const NEW_FILE = O_WRONLY | O_CREAT | O_TRUNC | WITHOUT_WAITING;

/** The 44-byte header of a 48 kHz mono 16-bit PCM file. */
export function wavHeader(dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string) => {
    for (let i = 0; i < value.length; i++) bytes[at + i] = value.charCodeAt(i);
  };
  text(0, 'RIFF');
  view.setUint32(4, HEADER_BYTES - 8 + dataBytes, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // integer PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, SAMPLE_RATE_HZ, true);
  view.setUint32(28, SAMPLE_RATE_HZ * 2, true); // bytes per second
  view.setUint16(32, 2, true); // bytes per sample of all channels
  view.setUint16(34, 16, true); // bits per sample
  text(36, 'data');
  view.setUint32(40, dataBytes, true);
  return bytes;
}

/**
 * Writes a WAV file while a call goes on. Every 200 ms the samples and then the sizes in the header are written, so
 * the file is valid at any moment the process may die. Writing is synchronous: it goes to the page cache,
 * and an order of writes is what makes the file valid.
 *
 * The constructor throws `recording-unwritable` when the file cannot be made. A disk that fills up during a call
 * does not end the call: writing stops, and `close` throws the same code.
 */
export class WavWriter {
  readonly path: string;
  #fd: number;
  #pending = new Int16Array(FLUSH_SAMPLES);
  #pendingSamples = 0;
  #dataBytes = 0;
  #failure: OvercallError | null = null;
  #closed = false;

  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(path, NEW_FILE, 0o600);
    } catch (cause) {
      throw unwritable(path, cause);
    }
    try {
      writeFully(this.#fd, wavHeader(0), 0);
    } catch (cause) {
      closeSync(this.#fd);
      throw unwritable(path, cause);
    }
  }

  write(frame: Int16Array): void {
    if (this.#closed || this.#failure) return;
    for (let at = 0; at < frame.length; ) {
      const part = frame.subarray(at, at + FLUSH_SAMPLES - this.#pendingSamples);
      this.#pending.set(part, this.#pendingSamples);
      this.#pendingSamples += part.length;
      at += part.length;
      if (this.#pendingSamples === FLUSH_SAMPLES) this.#flush();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    if (!this.#failure) this.#flush();
    this.#closed = true;
    closeSync(this.#fd);
    if (this.#failure) throw this.#failure;
  }

  #flush(): void {
    const bytes = new Uint8Array(this.#pending.buffer, 0, this.#pendingSamples * 2);
    this.#pendingSamples = 0;
    try {
      if (this.#dataBytes + bytes.length > MAX_DATA_BYTES) throw new Error('a WAV file holds 4 GiB at most');
      writeFully(this.#fd, bytes, HEADER_BYTES + this.#dataBytes);
      this.#dataBytes += bytes.length;
      writeFully(this.#fd, wavHeader(this.#dataBytes), 0);
    } catch (cause) {
      this.#failure = unwritable(this.path, cause);
    }
  }
}

/** Writes a whole recording, 48 kHz mono. @throws OvercallError `recording-unwritable` */
export async function writeRecording(path: string, samples: Int16Array): Promise<void> {
  const writer = new WavWriter(path);
  writer.write(samples);
  await writer.close();
}

function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

/**
 * Tries whether a recording could be written there, and leaves everything as it was.
 * @throws OvercallError `recording-unwritable`
 */
export function refuseUnwritable(path: string): void {
  const existed = existsSync(path);
  try {
    // Opened, it would look to its reader like a recording that is over.
    if (existed && statSync(path).isFIFO()) throw Object.assign(new Error('is a pipe'), { code: 'ESPIPE' });
    closeSync(openSync(path, O_WRONLY | O_CREAT | O_APPEND | WITHOUT_WAITING));
    if (!existed) unlinkSync(path);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): OvercallError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const refusal = (message: string, remedy?: string) =>
    new OvercallError('recording-unwritable', message, { cause, ...(remedy !== undefined && { remedy }) });
  if (reason === 'EISDIR') return refusal(`${path} is a folder`, 'give the path of a file in it');
  // ENXIO: one that nobody reads. The sizes at the beginning of a WAV file are written last, which a pipe does not let us.
  if (reason === 'ESPIPE' || reason === 'ENXIO') return refusal(`${path} is no file`, 'give the path of one');
  return refusal(`cannot write the recording ${path} (${reason})`);
}
