import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Line, Screen } from './screen.ts';

/** With ESC as something to see. */
const seen = (text: string) => text.replaceAll('\x1b', '␛');

/** As much of a terminal as the screen needs: rows of characters. */
class Glass {
  readonly rows = new Map<number, string>();
  #row = 0;

  write(text: string): void {
    const parts = seen(text).matchAll(/␛\[(\??[\d;]*)([A-Za-z])|([^␛]+)/gu);
    for (const [, parameters = '', final, plain] of parts) {
      if (plain !== undefined) this.rows.set(this.#row, plain);
      else if (final === 'J') this.rows.clear();
      else if (final === 'H') this.#row = Number(parameters.split(';')[0]) - 1;
      else if (final === 'K' && !this.#wasWritten) this.rows.delete(this.#row);
      if (final === 'H') this.#wasWritten = false;
      if (plain !== undefined) this.#wasWritten = true;
    }
  }

  #wasWritten = false;

  get text(): string[] {
    return Array.from({ length: 5 }, (_, row) => this.rows.get(row) ?? '');
  }
}

const picture = (...lines: (string | Line)[]) => ({
  lines: lines.map((line) => (typeof line === 'string' ? { text: line } : line)),
  cursor: null,
});

it('writes what changed and nothing else', () => {
  const screen = new Screen();
  screen.resize(40, 3);
  screen.draw(picture('one', 'two', 'three'));
  expect(screen.draw(picture('one', 'two', 'three'))).toBe('');
  const changed = screen.draw(picture('one', 'zwei', 'three'));
  expect(changed).toContain('\x1b[2;1Hzwei\x1b[K');
  expect(changed).not.toContain('three');
});

it('writes everything again at another size, clipped, the last column left free', () => {
  const screen = new Screen();
  screen.resize(40, 3);
  screen.draw(picture('one', 'a long line'));
  screen.resize(8, 2);
  expect(seen(screen.draw(picture('one', 'a long line', 'gone')))).toBe(
    '␛[0m␛[2J␛[1;1Hone␛[K␛[2;1Ha long ␛[K␛[?25l',
  );
});

it('ends what it marks, and hides the cursor where nobody types', () => {
  const screen = new Screen();
  screen.resize(40, 2);
  expect(screen.draw(picture({ text: 'bold', style: 'bold' }))).toContain('\x1b[1mbold\x1b[0m\x1b[K');
  const typing = { ...picture('call: bob'), cursor: { row: 0, column: 9 } };
  expect(seen(screen.draw(typing))).toMatch(/␛\[1;10H␛\[\?25h$/);
});

it('shows each picture whole, whatever was there before', () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 12 });
  const pictures = fc.array(fc.array(line, { maxLength: 7 }), { maxLength: 6 });
  fc.assert(
    fc.property(pictures, (all) => {
      const screen = new Screen();
      const glass = new Glass();
      screen.resize(10, 5);
      for (const lines of all) {
        glass.write(screen.draw(picture(...lines)));
        expect(glass.text).toEqual(Array.from({ length: 5 }, (_, row) => (lines[row] ?? '').slice(0, 9)));
      }
    }),
  );
});
