import { pathWord } from '../calls/judge.ts';
import type { CallReport } from '../calls/report.ts';

/** One call of a cell. */
export interface Try {
  /** Null if the softphone could not even be started. */
  report: CallReport | null;
  faults: string[];
  /** So often the machine was too busy for a call that failed to say anything; this is the one after those. */
  repeats: number;
  /** Files beside results.json, only of calls with faults. */
  files: string[];
}

export interface Cell {
  /** Kinds of NAT. */
  caller: string;
  callee: string;
  /** Whether the two NATs can be punched through without guessing ports. */
  possible: 'direct' | 'relay';
  tries: Try[];
}

export const CELL_WORDS = ['direct', 'relay', 'overlay', 'tcp', 'failed'] as const;
export type CellWord = (typeof CELL_WORDS)[number];

/** A cell in a few figures: medians over its tries, and of both sides the worse. Null where there is none. */
export interface CellSummary {
  /** `failed` if any try did; otherwise the worst path that any try had. */
  word: CellWord;
  /** Tries that became direct. */
  directTries: number;
  setupMs: number | null;
  /** From the answer until both are heard. */
  firstAudioMs: number | null;
  timeToDirectMs: number | null;
  longestGapMs: number | null;
  /** Relayed although a direct path is possible. */
  missed: boolean;
}

export function summaryOf({ possible, tries }: Cell): CellSummary {
  const reports = tries.flatMap(({ report }) => report ?? []);
  const words = tries.map((one) => wordOf(one));
  const word = CELL_WORDS.findLast((each) => words.includes(each)) ?? 'failed';
  const over = (figure: (report: CallReport) => number | null) => median(reports.map(figure));
  return {
    word,
    directTries: words.filter((each) => each === 'direct').length,
    setupMs: over(({ setupMs }) => setupMs),
    firstAudioMs: over(({ caller, callee }) => worse(caller.firstAudioMs, callee.firstAudioMs)),
    timeToDirectMs: over(({ timeToDirectMs }) => timeToDirectMs),
    longestGapMs: over(({ caller, callee }) => worse(caller.longestGapMs, callee.longestGapMs)),
    missed: possible === 'direct' && word !== 'direct' && word !== 'failed',
  };
}

function wordOf({ report, faults }: Try): CellWord {
  if (report === null || faults.length > 0) return 'failed';
  const word = pathWord(report);
  return CELL_WORDS.find((known) => known === word) ?? 'failed';
}

/** Null if either has none: then they did not hear each other. */
const worse = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : Math.max(a, b);

export function median(values: readonly (number | null)[]): number | null {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length / 2) - 1] ?? null;
}
