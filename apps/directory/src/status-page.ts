import { createHash } from 'node:crypto';
import type { ListedSupernode } from '@overcall/identity';
import { VERSION } from './version.ts';

/** Rows that one page shows; of more there are only counts. */
export const MAX_ROWS = 500;
/** The page asks for itself anew after this, s. */
const REFRESH_S = 30;

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ccc; vertical-align: top; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } th, td { border-color: #444 } }
`;

/** No script, nothing from elsewhere, one style that is named by its hash. */
export const STATUS_PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

export interface StatusFacts {
  supernodes: readonly ListedSupernode[];
  listVersion: number;
  nowMs: number;
}

/** What the directory knows and everybody may: what is in the signed list anyway. Names come from supernodes: hostile text. */
export function statusPage({ supernodes, listVersion, nowMs }: StatusFacts): string {
  const rows = supernodes.slice(0, MAX_ROWS).map(rowOf);
  const withIpv6 = supernodes.filter(({ udp }) => udp.some((address) => address.startsWith('[')));
  const more = supernodes.length - rows.length;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${REFRESH_S}">
<title>Overcall directory</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Overcall directory</h1>
<p>${supernodes.length} supernodes in the list, ${withIpv6.length} of them with IPv6. List ${listVersion}; as of ${time(nowMs)}; version ${VERSION}.</p>
<table>
<thead><tr><th>Supernode</th><th>UDP</th><th>Control</th><th>Since</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
${more > 0 ? `<p>and ${more} more</p>\n` : ''}<p>Whether a supernode lives, how busy it is and how good its links are is measured by those who use it; the directory is not told.
Calls never pass here and are not counted.</p>
</body>
</html>
`;
}

function rowOf({ name, udp, control, since }: ListedSupernode): string {
  const cells = [name, udp.join(' '), control.join(' '), since === undefined ? '' : time(since)];
  return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
}

const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string =>
  text.replace(/\p{C}/gu, '\ufffd').replace(/[&<>"]/g, (character) => ENTITIES[character]!);
