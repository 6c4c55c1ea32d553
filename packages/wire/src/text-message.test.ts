import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asCallMessage, writeSignalBody } from './signal.ts';
import { asTextMessage, MAX_TEXT_CHARS } from './text-message.ts';

/** Characters that do harm, among others. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '\x1b',
      '\x9b',
      '\n',
      '\r',
      '\0',
      '\u202e',
      '\u2028',
      '\ud800',
      '\udc00',
      '\x7f',
      ' ',
      '[',
      'a',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: MAX_TEXT_CHARS + 20,
});

describe('a text message', () => {
  it.each([
    ['hello', 'hello'],
    ['  two\r\nlines\t ', 'two lines'],
    ['\x1b[2Jgone\x07', '[2Jgone'],
    ['\u202eevil', 'evil'],
    ['żółć 日本 🎉', 'żółć 日本 🎉'],
    [' \n\x1b ', null],
    ['a'.repeat(MAX_TEXT_CHARS), 'a'.repeat(MAX_TEXT_CHARS)],
    ['a'.repeat(MAX_TEXT_CHARS + 1), null],
  ])('%j is %j', (text, expected) => {
    expect(asTextMessage(text)).toBe(expected);
  });

  it('steers no terminal, stays as it is when made again, and fits a signal', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const made = asTextMessage(text);
        if (made === null) return;
        expect(made).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect(asTextMessage(made)).toBe(made);
        const message = { t: 'text' as const, id: 'i'.repeat(22), text: made };
        const copy = { ...message, t: 'text-copy' as const, to: 'ö'.repeat(64), delivered: false };
        for (const one of [message, copy])
          expect(asCallMessage(JSON.parse(JSON.stringify(one)))).toEqual(one);
        const sealed = new TextEncoder().encode(JSON.stringify(copy));
        // 24,576 bytes are 32,768 characters of base64url; padding and tag come on top of the text.
        expect(writeSignalBody({ type: 3, counter: 0n, sealed }).length).toBeLessThan(24_576 - 512);
      }),
    );
  });

  it.each([
    { t: 'text', id: 'short', text: 'x' },
    { t: 'text', id: 'i'.repeat(22), text: '' },
    { t: 'text', id: 'i'.repeat(22), text: 'x'.repeat(MAX_TEXT_CHARS + 1) },
    { t: 'text', id: 'i'.repeat(22) },
    { t: 'text-ack', id: 7 },
    { t: 'text-copy', id: 'i'.repeat(22), to: '', text: 'x', delivered: true },
    { t: 'text-copy', id: 'i'.repeat(22), to: 'n'.repeat(65), text: 'x', delivered: true },
    { t: 'text-copy', id: 'i'.repeat(22), to: 'bob', text: 'x' },
  ])('that is none is refused: %j', (value) => {
    expect(asCallMessage(value)).toBeNull();
  });
});
