import { printable } from './text.ts';

/** What an event of the command-line contract says, as it came. */
export type Fields = Record<string, unknown>;

/** How the call travels, in one line: `direct 192.0.2.7, 24 ms, 0.2% loss, R 88`. */
export function pathLine(path: Fields | null, stats: Fields | null): string {
  if (path === null) return 'no path yet';
  const rttMs = stats?.rttMs ?? path.rttMs;
  return [
    wayText(path),
    ...(typeof rttMs === 'number' ? [`${Math.round(rttMs)} ms`] : []),
    ...(typeof stats?.lossPct === 'number' ? [`${stats.lossPct}% loss`] : []),
    ...(typeof stats?.r === 'number' ? [`R ${Math.round(stats.r)}`] : []),
  ].join(', ');
}

function wayText({ kind, transport, remote, via }: Fields): string {
  const tcp = transport === 'tcp' ? ' over tcp' : '';
  const names = Array.isArray(via) ? via.map((name) => printable(String(name))).join(', ') : '';
  // The port tells people nothing.
  if (kind === 'direct') return `direct ${printable(String(remote)).replace(/:\d+$/, '')}${tcp}`;
  return `${printable(String(kind))}${names === '' ? '' : ` ${names}`}${tcp}`;
}

/** The rows of the statistics, two columns of name and value. */
export function statsRows(stats: Fields): [string, string][] {
  const value = (name: string, unit = '') =>
    typeof stats[name] === 'number' ? `${stats[name]}${unit}` : '-';
  const bitrate = typeof stats.bitrate === 'number' ? `${(stats.bitrate / 1000).toFixed(1)} kbit/s` : '-';
  return [
    ['round trip', value('rttMs', ' ms')],
    ['loss', value('lossPct', ' %')],
    ['jitter', value('jitterMs', ' ms')],
    ['playout delay', value('playoutDelayMs', ' ms')],
    ['concealed', value('concealedPct', ' %')],
    ['sent', bitrate],
    ['MOS (estimate)', value('mos')],
  ];
}
