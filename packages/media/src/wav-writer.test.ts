import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FRAME_SAMPLES } from './audio-format.ts';
import { readRecording } from './wav-reader.ts';
import { refuseUnwritable, WavWriter } from './wav-writer.ts';

const disk = vi.hoisted(() => ({ full: false }));
vi.mock('node:fs', async (importOriginal) => {
  const actual = await importOriginal<typeof import('node:fs')>();
  const writeSync = (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => {
    if (disk.full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    // A disk may take less than it was given.
    return actual.writeSync(fd, bytes, offset, Math.min(length, 5000), position);
  };
  return { ...actual, writeSync };
});

let dir: string;
beforeAll(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'overcall-writer-'));
});
afterAll(() => fs.rmSync(dir, { recursive: true }));

test('what is no file cannot be recorded to, which is told without waiting for anybody', () => {
  const [pipe, folder] = [join(dir, 'pipe.wav'), join(dir, 'folder.wav')];
  execFileSync('mkfifo', [pipe]);
  fs.mkdirSync(folder);
  for (const attempt of [refuseUnwritable, (path: string) => new WavWriter(path)]) {
    expect(() => attempt(pipe)).toThrow(
      expect.objectContaining({ code: 'recording-unwritable', remedy: 'give the path of one' }),
    );
    expect(() => attempt(folder)).toThrow(
      expect.objectContaining({ code: 'recording-unwritable', message: `${folder} is a folder` }),
    );
  }
});

test('trying whether a file can be written leaves it as it was', () => {
  const [there, none] = [join(dir, 'there.wav'), join(dir, 'not-there.wav')];
  fs.writeFileSync(there, 'heard before');
  for (const path of [there, none]) refuseUnwritable(path);
  expect(fs.readFileSync(there, 'utf8')).toBe('heard before');
  expect(fs.existsSync(none)).toBe(false);
});

test('a disk that is full from the beginning is told at once, and nothing stays open', () => {
  const open = () => fs.readdirSync('/proc/self/fd').length;
  const before = open();
  disk.full = true;
  expect(() => new WavWriter(join(dir, 'none.wav'))).toThrow('ENOSPC');
  disk.full = false;
  expect(open()).toBe(before);
});

test('a disk that fills up does not end the call: closing tells, and what was written stays valid', async () => {
  const path = join(dir, 'full.wav');
  const writer = new WavWriter(path);
  const frame = new Int16Array(FRAME_SAMPLES).fill(1234);
  for (let i = 0; i < 20; i++) writer.write(frame);
  disk.full = true;
  for (let i = 0; i < 30; i++) writer.write(frame);
  await expect(writer.close()).rejects.toMatchObject({ code: 'recording-unwritable' });
  disk.full = false;
  expect(await readRecording(path)).toEqual(new Int16Array(20 * FRAME_SAMPLES).fill(1234));
});
