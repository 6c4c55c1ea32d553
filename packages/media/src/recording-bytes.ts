import { closeSync, fstatSync, openSync, readFile } from 'node:fs';
import { promisify } from 'node:util';
import { OvercallError } from '@overcall/wire';

/** Node reads no larger file at once. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * All bytes of a recording.
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
  const fd = openSync(path, 'r');
  const stats = fstatSync(fd);
  try {
    if (stats.isDirectory()) throw folder(path);
    if (stats.size > MAX_BYTES && stats.isFile()) throw tooLarge(path);
    return await promisify(readFile)(fd);
  } finally {
    closeSync(fd);
  }
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
