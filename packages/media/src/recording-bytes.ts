import { closeSync, constants, fstatSync, openSync, readFile } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { OvercallError } from '@overcall/wire';

/** Node reads no larger file at once. */
const MAX_BYTES = 2 ** 31 - 1;

/** Opening a pipe does not wait for the other end: in a thread of Node that could not be called back, not even by the end of the process. */
export const WITHOUT_WAITING = constants.O_NONBLOCK ?? 0;

/**
 * All bytes of a recording. One that comes through a pipe is waited for, which holds nothing up.
 * @throws OvercallError `recording-missing`, `recording-unreadable`, `recording-too-large`, `recording-empty`
 */
export async function readRecordingBytes(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readAll(path);
  } catch (cause) {
    throw cause instanceof OvercallError ? cause : unreadable(path, cause);
  }
  if (bytes.length === 0) {
    throw new OvercallError('recording-empty', `the recording ${path} is an empty file`);
  }
  return bytes;
}

async function readAll(path: string): Promise<Uint8Array> {
  const fd = openSync(path, constants.O_RDONLY | WITHOUT_WAITING);
  const stats = fstatSync(fd);
  if (stats.isFIFO()) return readPipe(fd, path);
  try {
    if (stats.isDirectory()) throw folder(path);
    if (stats.size > MAX_BYTES && stats.isFile()) throw tooLarge(path);
    return await promisify(readFile)(fd);
  } finally {
    closeSync(fd);
  }
}

async function readPipe(fd: number, path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Ends with the last writer, and closes what it reads from.
  for await (const chunk of new Socket({ fd, readable: true, writable: false })) {
    chunks.push(chunk as Uint8Array);
    length += (chunk as Uint8Array).length;
    if (length > MAX_BYTES) throw tooLarge(path);
  }
  return Buffer.concat(chunks, length);
}

function folder(path: string): OvercallError {
  return new OvercallError('recording-unreadable', `${path} is a folder`, {
    remedy: 'give the path of a recording in it',
  });
}

function tooLarge(path: string): OvercallError {
  return new OvercallError('recording-too-large', `the recording ${path} is larger than 2 GiB`);
}

function unreadable(path: string, cause: unknown): OvercallError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  if (reason === 'ENOENT')
    return new OvercallError('recording-missing', `there is no recording ${path}`, { cause });
  if (reason === 'ERR_FS_FILE_TOO_LARGE') return tooLarge(path);
  return new OvercallError('recording-unreadable', `cannot read the recording ${path} (${reason})`, {
    cause,
  });
}
