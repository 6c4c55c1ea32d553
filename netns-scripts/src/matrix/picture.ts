import type { MatrixResult } from './run-matrix.ts';
import { CELL_WORDS, type Cell, type CellSummary, type CellWord, summaryOf } from './summary.ts';
import { countWords, medianWords, ms, OLD_NAMES, setupWords } from './words.ts';

/** Sizes in pixels. */
const CELL = { width: 108, height: 76 };
const MARGIN = 24;
const LABELS = 150;
const HEAD = 134;
const COLUMN_NAMES = 58;
const FOOT = 56;
/** So that the title and the legend have room when there are few kinds. */
const LEAST_WIDTH = 760;

const INK = '#1b2330';
const FAINT = '#5b6675';
const PAPER = '#ffffff';
const FILL: Record<CellWord, string> = {
  direct: '#a6dcae',
  relay: '#b5d0f2',
  overlay: '#d8c2ee',
  tcp: '#f7d596',
  failed: '#f3a39b',
};
const MISSED = '#c2410c';

/** The matrix as SVG: rows call columns; colours tell the path. It brings its own background. */
export function matrixPicture(result: MatrixResult): string {
  const { kinds, cells } = result;
  const left = MARGIN + LABELS;
  const top = HEAD + COLUMN_NAMES;
  const width = Math.max(LEAST_WIDTH, left + kinds.length * CELL.width + MARGIN);
  const height = top + kinds.length * CELL.height + FOOT + MARGIN;
  const x = (column: number) => left + column * CELL.width;
  const y = (row: number) => top + row * CELL.height;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif" fill="${INK}">`,
    `<title>${escaped(countWords(result))}</title>`,
    `<rect width="${width}" height="${height}" fill="${PAPER}"/>`,
    ...head(result),
    ...kinds.flatMap((kind, index) => [
      ...label(kind, x(index) + CELL.width / 2, top - 26, 'middle'),
      ...label(kind, left - 12, y(index) + CELL.height / 2 - 4, 'end'),
    ]),
    text(left + (kinds.length * CELL.width) / 2, HEAD + 6, 'called, behind', {
      size: 12,
      fill: FAINT,
      anchor: 'middle',
    }),
    text(left - 12, top - 12, 'calls, behind', { size: 12, fill: FAINT, anchor: 'end' }),
    ...cells.map((cell, index) =>
      drawn(cell, x(index % kinds.length), y(Math.floor(index / kinds.length)), result.tries),
    ),
    ...legend(left, height - MARGIN - 22, cells),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function head(result: MatrixResult): string[] {
  const small = { size: 12, fill: FAINT };
  return [
    text(MARGIN, MARGIN + 16, 'Calls between kinds of NAT', { size: 20, bold: true }),
    text(MARGIN, MARGIN + 38, countWords(result), { size: 13 }),
    text(MARGIN, MARGIN + 56, medianWords(result), small),
    text(MARGIN, MARGIN + 72, setupWords(result), small),
    text(MARGIN, MARGIN + 88, `${result.startedAt.slice(0, 10)}, ${result.machine}`, small),
  ];
}

/** A kind, and below it its older name or how it gives ports. */
function label(kind: string, x: number, y: number, anchor: Anchor): string[] {
  const [base = '', ports] = kind.split(':');
  const below = ports ?? OLD_NAMES[base];
  return [
    text(x, y, base, { size: 13, bold: true, anchor }),
    ...(below === undefined ? [] : [text(x, y + 15, below, { size: 11, fill: FAINT, anchor })]),
  ];
}

function drawn(cell: Cell, x: number, y: number, tries: number): string {
  const summary = summaryOf(cell);
  const { width, height } = CELL;
  const hint = `${cell.caller} calls ${cell.callee}: ${[summary.word, ...cell.tries.flatMap(({ faults }) => faults)].join('; ')}`;
  return [
    '<g class="cell">',
    `<title>${escaped(hint)}</title>`,
    `<rect x="${x + 1}" y="${y + 1}" width="${width - 2}" height="${height - 2}" rx="4" fill="${FILL[summary.word]}"/>`,
    ...(summary.missed ? [corner(x + width - 1, y + 1)] : []),
    ...lines(summary, tries).map((line, index) =>
      text(x + 9, y + 20 + index * 16, line, index === 0 ? { size: 13, bold: true } : { size: 12 }),
    ),
    '</g>',
  ].join('');
}

function lines(summary: CellSummary, tries: number): string[] {
  const { word, directTries, firstAudioMs, timeToDirectMs, longestGapMs } = summary;
  const share = tries > 1 && directTries > 0 ? ` ${directTries}/${tries}` : '';
  return [
    `${share === '' ? word : 'direct'}${share}`,
    ...(firstAudioMs === null ? [] : [`audio ${ms(firstAudioMs)}`]),
    ...(timeToDirectMs === null ? [] : [`direct ${ms(timeToDirectMs)}`]),
    ...(longestGapMs === null ? [] : [`gap ${ms(longestGapMs)}`]),
  ];
}

const corner = (x: number, y: number): string =>
  `<path d="M${x - 16} ${y} H${x} V${y + 16} Z" fill="${MISSED}"/>`;

function legend(x: number, y: number, cells: readonly Cell[]): string[] {
  const summaries = cells.map(summaryOf);
  const present = CELL_WORDS.filter((word) => summaries.some((one) => one.word === word));
  const parts: string[] = [];
  let at = x;
  for (const word of present) {
    parts.push(`<rect x="${at}" y="${y - 11}" width="14" height="14" rx="3" fill="${FILL[word]}"/>`);
    parts.push(text(at + 20, y, word, { size: 12 }));
    at += 38 + word.length * 8;
  }
  if (summaries.some(({ missed }) => missed)) {
    parts.push(corner(at + 16, y - 12), text(at + 22, y, 'a direct path is possible', { size: 12 }));
  }
  const what =
    'audio: answer to first audio; direct: answer to direct path; gap: longest without audio; the worse side';
  parts.push(text(x, y + 20, what, { size: 11, fill: FAINT }));
  return parts;
}

type Anchor = 'start' | 'middle' | 'end';

interface Style {
  size: number;
  bold?: boolean;
  fill?: string;
  anchor?: Anchor;
}

function text(x: number, y: number, content: string, { size, bold, fill, anchor }: Style): string {
  const more = [
    bold ? ' font-weight="bold"' : '',
    fill === undefined ? '' : ` fill="${fill}"`,
    anchor === undefined ? '' : ` text-anchor="${anchor}"`,
  ].join('');
  return `<text x="${x}" y="${y}" font-size="${size}"${more}>${escaped(content)}</text>`;
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const escaped = (content: string): string =>
  // Control characters have no place in XML, not even as references.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  content.replaceAll(/[\u0000-\u001f]/g, ' ').replaceAll(/[&<>"]/g, (letter) => ESCAPES[letter]!);
