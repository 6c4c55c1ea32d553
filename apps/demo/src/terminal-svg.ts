/** A run of characters of one style. */
interface Run {
  column: number;
  text: string;
  bold: boolean;
  reverse: boolean;
}

/** Of a character, px, at a font size that reads well in a README. */
const CELL = { width: 8.4, height: 18, font: 14 };
const MARGIN = 14;
const TITLE_BAR = 30;
const COLOURS = { back: '#16191f', bar: '#262b34', text: '#d7dce4', dim: '#8b93a1' };
const FONTS = 'DejaVu Sans Mono, Menlo, Consolas, monospace';
/** Only what the phone writes: bold, reverse, and neither (ECMA-48, 8.3.117). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is read here
const SGR = /\x1b\[([\d;]*)m/;

/** The screen of a terminal, as `tmux capture-pane -e -p` prints it, as a picture. */
export function terminalSvg(screen: string, columns: number, title: string): string {
  const rows = screen.replace(/\n+$/, '').split('\n');
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN);
  const height = rows.length * CELL.height + TITLE_BAR + 2 * MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONTS}" font-size="${CELL.font}" fill="${COLOURS.text}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${COLOURS.back}"/>`,
    `<path d="M0 8a8 8 0 0 1 8-8h${width - 16}a8 8 0 0 1 8 8v${TITLE_BAR - 8}H0z" fill="${COLOURS.bar}"/>`,
    `<text x="${width / 2}" y="20" font-size="12" text-anchor="middle" fill="${COLOURS.dim}">${escaped(title)}</text>`,
    ...runsOf(rows).flatMap(({ row, ...run }) => drawn(run, row)),
    '</svg>',
    '',
  ].join('\n');
}

function runsOf(rows: readonly string[]): (Run & { row: number })[] {
  const style = { bold: false, reverse: false };
  return rows.flatMap((line, row) => {
    let column = 0;
    const parts = line.split(SGR);
    return parts.flatMap((part, i) => {
      // Every second part is what stands in an escape sequence.
      if (i % 2 === 1) {
        apply(style, part);
        return [];
      }
      const run = { row, column, text: part, ...style };
      column += [...part].length;
      return part.trim() === '' && !style.reverse ? [] : [run];
    });
  });
}

function apply(style: { bold: boolean; reverse: boolean }, codes: string): void {
  for (const code of codes.split(';')) {
    if (code === '' || code === '0') Object.assign(style, { bold: false, reverse: false });
    if (code === '1') style.bold = true;
    if (code === '22') style.bold = false;
    if (code === '7') style.reverse = true;
    if (code === '27') style.reverse = false;
  }
}

/** As wide as the cells are, whatever font the reader has. */
function drawn({ column, text, bold, reverse }: Run, row: number): string[] {
  const shown = reverse ? text : text.trimEnd();
  const length = [...shown].length;
  if (length === 0) return [];
  const x = MARGIN + column * CELL.width;
  const top = TITLE_BAR + MARGIN + row * CELL.height;
  const size = (length * CELL.width).toFixed(1);
  const place = `x="${x.toFixed(1)}" y="${top + CELL.font}" textLength="${size}" lengthAdjust="spacingAndGlyphs"`;
  const colour = reverse ? ` fill="${COLOURS.back}"` : '';
  return [
    ...(reverse
      ? [
          `<rect x="${x.toFixed(1)}" y="${top}" width="${size}" height="${CELL.height}" fill="${COLOURS.text}"/>`,
        ]
      : []),
    `<text ${place}${bold ? ' font-weight="bold"' : ''}${colour} xml:space="preserve">${escaped(shown)}</text>`,
  ];
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
