import type { CallResult } from './run-call.ts';

/** The part about the call in results.md. */
export function callInMarkdown({ report, possible, notes, logs, captures }: CallResult): string {
  const files = (names: string[]) => names.map((name) => `[${name}](${name})`).join(', ');
  const kept = [
    logs.length > 0 ? `Events and errors of the programs: ${files(logs)}` : '',
    captures.length > 0 ? `Captures: ${files(captures)}` : '',
  ].filter((line) => line !== '');
  if (report === null) return ['## Call', 'There was none.', ...kept].join('\n\n');
  const { from, to, caller, callee, setupMs, timeToDirectMs, durationS, paths } = report;
  const row = (what: string, a: unknown, b: unknown = '') => `| ${what} | ${a ?? '-'} | ${b ?? '-'} |`;
  const table = [
    row('', from, to),
    row('---', '---', '---'),
    row('call to answer, ms', setupMs),
    row('answer to first audio, ms', caller.firstAudioMs, callee.firstAudioMs),
    row('answer to a direct path, ms', timeToDirectMs),
    row('longest gap, ms', caller.longestGapMs, callee.longestGapMs),
    row('packets lost, %', caller.lossPct, callee.lossPct),
    row('frames played', caller.playedFrames, callee.playedFrames),
    row('MOS (estimate)', caller.mos, callee.mos),
    row('ended with', caller.ended, callee.ended),
    row('lasted, s', durationS),
  ];
  const pathLines = paths.map(
    ({ atMs, kind, transport, via, rttMs, reason }) =>
      `- after ${atMs ?? '-'} ms: ${kind} over ${transport}${via.length > 0 ? ` via ${via.join(', ')}` : ''}, round trip ${rttMs ?? '-'} ms (${reason})`,
  );
  const noPath = ['- none'];
  return [
    '## Call',
    table.join('\n'),
    [
      `Paths, from the answer on${possible ? ` (the network allows: ${possible})` : ''}:`,
      '',
      ...(pathLines.length > 0 ? pathLines : noPath),
    ].join('\n'),
    ...notes.map((note) => `Note: ${note}.`),
    ...kept,
  ].join('\n\n');
}
