import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyReader } from './key-reader.ts';

const keysOf = (...pieces: string[]) => {
  const reader = new KeyReader();
  const keys = [...pieces.flatMap((piece) => reader.read(piece)), ...reader.flush()];
  return keys.map((key) => (key.type === 'text' ? key.text : `<${key.type}>`)).join('');
};

describe('KeyReader', () => {
  it.each([
    ['typed text, also beyond ASCII', 'dbø人', 'dbø人'],
    ['control keys', '\r\t\x7f\x03\x0c\x15', '<enter><tab><backspace><interrupt><redraw><clear>'],
    ['arrows of both kinds', '\x1b[A\x1bOB', '<up><down>'],
    ['a lone escape', '\x1b', '<escape>'],
    ['keys that mean nothing here: Home, F5, Alt-x', 'a\x1b[H\x1b[15~\x1bxb', 'ab'],
    [
      'Ctrl-C right after an escape, and in a sequence',
      '\x1b\x03\x1b[1\x03',
      '<escape><interrupt><interrupt>',
    ],
    ['controls without a meaning', 'a\x01\x00b', 'ab'],
    ['a sequence that never ends', `\x1b[${'1;'.repeat(40)}`, ''],
  ])('reads %s', (_what, sent, keys) => {
    expect(keysOf(sent)).toBe(keys);
  });

  it('reads the same however the bytes come in pieces', () => {
    const sent = fc.string({
      unit: fc.constantFrom('\x1b', '[', 'O', 'A', 'b', '1', ';', '~', '\r', '\x7f', '\x03'),
    });
    fc.assert(
      fc.property(sent, (text) => {
        expect(keysOf(...text)).toBe(keysOf(text));
      }),
      { examples: [['\x1b[A'], ['\x1b\x1b[B']] },
    );
  });
});

it('does not keep a sequence that never ends', () => {
  const reader = new KeyReader();
  expect(reader.read(`\x1b[${'1;'.repeat(500)}`)).toEqual([]);
  expect(reader.isWaiting).toBe(false);
  expect(reader.read('a')).toEqual([{ type: 'text', text: 'a' }]);
});
