import type { Link } from '../links/link-spec.ts';
import type { MatrixResult } from './run-matrix.ts';
import { CELL_WORDS, median, summaryOf } from './summary.ts';

/** Older names (RFC 3489) of some kinds. */
export const OLD_NAMES: Readonly<Record<string, string>> = {
  'eim-eif': 'full cone',
  'eim-adf': 'restricted cone',
  'eim-apdf': 'port-restricted',
  'apdm-apdf': 'symmetric',
};

export const ms = (value: number | null): string => (value === null ? '-' : `${Math.round(value)} ms`);

/** `20 ms, 3% loss` would hide what else a link can do: its fields as they were given. */
const linkWords = (link: Link | null): string =>
  link === null ? 'no delay on the links' : `access links ${JSON.stringify(link).replaceAll('"', '')}`;

/** How many pairs had which path, and what might have been better. */
export function countWords({ cells }: MatrixResult): string {
  const summaries = cells.map(summaryOf);
  const counts = CELL_WORDS.map(
    (word) => [word, summaries.filter((one) => one.word === word).length] as const,
  );
  const told = counts.filter(([, count]) => count > 0).map(([word, count]) => `${count} ${word}`);
  const missed = summaries.filter((one) => one.missed).length;
  const could = missed > 0 ? `; ${missed} were relayed although a direct path is possible` : '';
  return `${cells.length} pairs: ${told.join(', ')}${could}`;
}

/** Medians over all pairs. */
export function medianWords({ cells }: MatrixResult): string {
  const summaries = cells.map(summaryOf);
  const direct = median(summaries.map(({ timeToDirectMs }) => timeToDirectMs));
  return [
    `medians: call to answer ${ms(median(summaries.map(({ setupMs }) => setupMs)))}`,
    `answer to first audio ${ms(median(summaries.map(({ firstAudioMs }) => firstAudioMs)))}`,
    ...(direct === null ? [] : [`answer to direct ${ms(direct)}`]),
    `longest gap ${ms(median(summaries.map(({ longestGapMs }) => longestGapMs)))}`,
  ].join(', ');
}

export const setupWords = ({ seconds, tries, jobs, link }: MatrixResult): string =>
  `calls of ${seconds} s, ${tries === 1 ? 'one' : tries} for each pair, ${jobs === 1 ? 'one' : jobs} at once; ${linkWords(link)}`;
