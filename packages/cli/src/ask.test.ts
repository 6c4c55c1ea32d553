import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { askLine } from './ask.ts';

/** Asks, types, and gives what was answered and what was shown. */
async function asked(typed: string | null, isHidden = false): Promise<{ answer: unknown; shown: string }> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const answered = askLine('name? ', { input, output, isHidden }).catch((error) => error.code);
  if (typed === null) input.end();
  else input.write(typed);
  const answer = await answered;
  return { answer, shown: String(output.read()) };
}

it('gives what is typed, shown or not', async () => {
  expect(await asked('bob\r')).toEqual({ answer: 'bob', shown: expect.stringContaining('bob') });
  expect(await asked('secret\r', true)).toEqual({ answer: 'secret', shown: 'name? \n' });
});

it.each([
  ['Ctrl-C', 'bo\x03'],
  ['Ctrl-D', '\x04'],
  ['the end of input', null],
])('is interrupted by %s', async (_name, typed) => {
  expect((await asked(typed)).answer).toBe('interrupted');
  expect((await asked(typed, true)).answer).toBe('interrupted');
});
