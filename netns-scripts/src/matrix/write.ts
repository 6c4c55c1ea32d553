import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { matrixPicture } from './picture.ts';
import type { MatrixResult } from './run-matrix.ts';
import { type Cell, summaryOf } from './summary.ts';
import { countWords, medianWords, ms, setupWords } from './words.ts';

/** results.json, results.md and matrix.svg. */
export function writeMatrix(folder: string, result: MatrixResult): void {
  const cells = result.cells.map((cell) => ({ ...cell, summary: summaryOf(cell) }));
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify({ ...result, cells }, null, 2)}\n`);
  writeFileSync(join(folder, 'results.md'), inMarkdown(result));
  writeFileSync(join(folder, 'matrix.svg'), matrixPicture(result));
}

const OUTCOMES = {
  passed: 'Audio both ways in every call.',
  failed: 'Failed.',
  lab: 'The lab failed: this says nothing about the softphones.',
  skipped: 'Skipped: this machine cannot run labs.',
} as const;

function inMarkdown(result: MatrixResult): string {
  const { kinds, cells, outcome, reasons, startedAt, machine, upMs, proofMs, durationMs } = result;
  const rows = kinds.map((kind, row) => [
    `**${kind}**`,
    ...cells.slice(row * kinds.length, (row + 1) * kinds.length).map(cellText),
  ]);
  const line = (parts: string[]) => `| ${parts.join(' | ')} |`;
  const parts = [
    '# Calls between kinds of NAT',
    [`**${OUTCOMES[outcome]}**`, ...reasons.map((reason) => `- ${reason}`)].join('\n'),
    `${countWords(result)}; ${medianWords(result)}.`,
    `Started ${startedAt}; ${setupWords(result)}; network up after ${upMs} ms, NATs proven in ${proofMs} ms, ${Math.round(durationMs / 1000)} s in all. ${machine}.`,
    '![](matrix.svg)',
    [line(['calls \\ called', ...kinds]), line(['---', ...kinds.map(() => '---')]), ...rows.map(line)].join(
      '\n',
    ),
    'Path; call to answer, answer to first audio, answer to a direct path, longest gap. * marks what was relayed although a direct path is possible.',
    ...cells
      .filter(({ tries }) => tries.some(({ files }) => files.length > 0))
      .map((cell) => `${cell.caller} calls ${cell.callee}: ${filesOf(cell)}`),
  ];
  return `${parts.join('\n\n')}\n`;
}

function cellText(cell: Cell): string {
  const { word, missed, setupMs, firstAudioMs, timeToDirectMs, longestGapMs } = summaryOf(cell);
  const figures = [setupMs, firstAudioMs, timeToDirectMs, longestGapMs].map((figure) => ms(figure));
  return `${word}${missed ? '*' : ''}; ${figures.join(', ')}`;
}

const filesOf = ({ tries }: Cell): string =>
  tries.flatMap(({ files }) => files.map((file) => `[${file}](${file})`)).join(', ');
