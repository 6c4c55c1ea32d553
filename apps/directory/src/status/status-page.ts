import { createHash } from 'node:crypto';
import type { KeyId } from '@overcall/identity';
import type { StoredSupernode } from '../store.ts';
import { VERSION } from '../version.ts';
import { counted, escaped, time } from './html.ts';
import type { ReportClaims } from './report-desk.ts';
import { MAX_ON_MAP, statusMap } from './status-map.ts';
import { STYLE } from './status-style.ts';
import { callKindsText, callsText, linksText, loadText, STATE_TEXT } from './status-text.ts';
import { type NodeState, type NodeView, type StatusView, statusView } from './status-view.ts';

/** Rows that one page shows; of more there are only counts. */
export const MAX_ROWS = 500;
/** The page asks for itself anew after this, s. */
const REFRESH_S = 30;

/** No script, nothing from elsewhere, one style that is named by its hash. */
export const STATUS_PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

export interface StatusFacts {
  /** Admitted ones. */
  supernodes: readonly StoredSupernode[];
  reports: ReadonlyMap<KeyId, ReportClaims>;
  listVersion: number;
  nowMs: number;
}

/** What everybody may know: the signed list, and what supernodes say of themselves. All of their text is hostile. */
export function statusPage({ supernodes, reports, listVersion, nowMs }: StatusFacts): string {
  const view = statusView(supernodes, reports);
  const { nodes } = view;
  const rows = nodes.slice(0, MAX_ROWS).map(rowOf);
  const more = nodes.length - rows.length;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${REFRESH_S}">
<title>Overcall network</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>Overcall network</h1><p>as of ${time(nowMs)}, list ${listVersion}, version ${VERSION}</p></header>
<dl>
${tilesOf(view).join('\n')}
</dl>
${mapSection(view)}<section>
<h2>Supernodes</h2>
<table>
<thead><tr><th>Name</th><th>State</th><th>Load</th><th>Links</th><th>Calls carried</th><th>Listed since</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
${more > 0 ? `<p class="note">and ${more} more</p>\n` : ''}</section>
<p class="note">Supernodes tell this of themselves, once a minute, made coarse before they tell it: load in quarters, calls rounded down to tens.
Direct calls are seen by nobody, and so are not counted. Who calls whom never comes here. An operator may tell nothing at all: then others' links show whether it is up.</p>
</body>
</html>
`;
}

function tilesOf({ nodes, links, calls }: StatusView): string[] {
  const states = (['draining', 'linked', 'silent'] as const)
    .map((state) => [nodes.filter((node) => node.state === state).length, STATE_TEXT[state]] as const)
    .filter(([count]) => count > 0)
    .map(([count, text]) => `${count} ${text}`);
  const withIpv6 = nodes.filter(({ addresses }) =>
    addresses.some((address) => address.startsWith('[')),
  ).length;
  const busy = nodes.filter(({ load }) => load !== null && load >= 2).length;
  return [
    tile('Supernodes', String(nodes.length), [...states, `${withIpv6} with IPv6`].join(', ')),
    tile('Links', String(links.length), linksText(links)),
    tile(
      'Load',
      busy === 0 ? 'low' : `${busy} busy`,
      busy === 0 ? 'nobody is known to be above half' : 'above half of what they can carry',
    ),
    tile('Calls carried', callsText(calls), callKindsText(calls)),
  ];
}

const tile = (name: string, value: string, more: string): string =>
  `<div><dt>${name}</dt><dd>${value} <small>${more}</small></dd></div>`;

function mapSection(view: StatusView): string {
  if (view.nodes.length === 0) return '';
  const more =
    view.nodes.length > MAX_ON_MAP
      ? `<span>the first ${MAX_ON_MAP} of ${counted(view.nodes.length, 'supernode')}</span>`
      : '';
  return `<section>
<h2>Links</h2>
${statusMap(view)}
<p class="note legend"><span>Who is near by round trip stands near.</span><span>A call over one link would be <b class="good">good</b> (R 80 or more), <b class="fair">fair</b> (70), <b class="poor">poor</b>.</span><span>Pale dots have little to do, amber ones are above 75%, red ones full; a dashed one drains, a grey one tells nothing.</span>${more}</p>
</section>
`;
}

function rowOf(node: NodeView): string {
  const { name, addresses, since, state, load, calls, links } = node;
  const cells = [
    `${escaped(name)}<small>${escaped(addresses.join(' '))}</small>`,
    stateText(state),
    loadText(load),
    linksText(links),
    callsText(calls),
    since === null ? '' : time(since),
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

const stateText = (state: NodeState): string => `<span class="state ${state}">${STATE_TEXT[state]}</span>`;
