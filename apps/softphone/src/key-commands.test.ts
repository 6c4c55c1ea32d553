import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { onKeyCommand } from './key-commands.ts';

let input: PassThrough;
let said: string[];
let stop: () => void;
beforeEach(() => {
  input = new PassThrough();
  said = [];
  stop = onKeyCommand(
    (command) => said.push(command),
    (keys) => said.push(`keys ${keys}`),
    (text) => said.push(`text ${text}`),
    input as unknown as NodeJS.ReadStream,
  );
});
afterEach(() => stop());

const read = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a line is a command, keys of a telephone, a text, or nothing', async () => {
  input.write('a\nMUTE\n12*#\nt see you at 8\nwhat?\n\nb\n');
  await read();
  expect(said).toEqual(['accept', 'mute', 'keys 12*#', 'text see you at 8', 'hangup']);
});

test('an input that breaks is the end of keys and of nothing else', async () => {
  input.write('m\n');
  await read();
  input.destroy(new Error('read ECONNRESET'));
  await read();
  expect(said).toEqual(['mute']);
});

test('a line that is the name of something every object has is no command', async () => {
  input.write('constructor\n__proto__\ntoString\nm\n');
  await read();
  expect(said).toEqual(['mute']);
});
