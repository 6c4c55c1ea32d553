import { clip } from './text.ts';

/** One row of the screen. Only what a VT100 can show: no colours. */
export interface Line {
  text: string;
  style?: 'bold' | 'reverse';
}

export interface Picture {
  lines: readonly Line[];
  /** Where somebody types; null hides the cursor. Row and column from 0. */
  cursor: { row: number; column: number } | null;
}

const SGR = { bold: '\x1b[1m', reverse: '\x1b[7m' } as const;
const PLAIN = '\x1b[0m';

/**
 * What to write to a terminal so that it shows a picture: only rows that changed. The last column stays empty, where terminals
 * differ in what they do next. The alternate screen and the hidden cursor are no VT100; one ignores them.
 */
export class Screen {
  #columns = 0;
  #rows = 0;
  #shown: (string | undefined)[] = [];
  #cursor = '';

  /** Begins: with the alternate screen, so that what was there before comes back at the end. */
  static readonly enter = '\x1b[?1049h\x1b[?25l\x1b[2J';
  static readonly leave = `${PLAIN}\x1b[?25h\x1b[?1049l`;

  /** Another size, or somebody else wrote on the terminal: everything is written again. */
  resize(columns: number, rows: number): void {
    this.#columns = columns;
    this.#rows = rows;
    this.#shown = [];
    this.#cursor = '';
  }

  draw({ lines, cursor }: Picture): string {
    let out = this.#shown.length === 0 ? `${PLAIN}\x1b[2J` : '';
    for (let row = 0; row < this.#rows; row++) {
      const written = this.#lineText(lines[row]);
      if (this.#shown[row] === written) continue;
      this.#shown[row] = written;
      out += `\x1b[${row + 1};1H${written}\x1b[K`;
    }
    const placed = this.#cursorText(cursor);
    // Writing a row has moved the cursor.
    if (out !== '' || placed !== this.#cursor) out += placed;
    this.#cursor = placed;
    return out;
  }

  #lineText(line: Line | undefined): string {
    const text = clip(line?.text ?? '', this.#columns - 1);
    return line?.style === undefined || text === '' ? text : `${SGR[line.style]}${text}${PLAIN}`;
  }

  #cursorText(cursor: Picture['cursor']): string {
    if (cursor === null) return '\x1b[?25l';
    const row = Math.min(cursor.row, this.#rows - 1) + 1;
    const column = Math.max(1, Math.min(cursor.column + 1, this.#columns - 1));
    return `\x1b[${row};${column}H\x1b[?25h`;
  }
}
