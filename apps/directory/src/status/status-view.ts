import type { KeyId, ReportedCalls } from '@overcall/identity';
import { estimateMos } from '@overcall/quality';
import type { StoredSupernode } from '../store.ts';
import type { ReportClaims } from './report-desk.ts';

/** `linked`: it tells nothing itself, but others are linked with it, so it is there. */
export type NodeState = 'up' | 'draining' | 'linked' | 'silent';
/** What a call over nothing but this link would be rated: R of at least 80, 70, or less. */
type LinkQuality = 'good' | 'fair' | 'poor';

export interface NodeView {
  id: KeyId;
  name: string;
  addresses: string[];
  since: number | null;
  state: NodeState;
  /** Quarters; null when it is not told. */
  load: number | null;
  calls: ReportedCalls | null;
  links: LinkView[];
}

export interface LinkView {
  /** Index of the two nodes, the lower one first. */
  ends: [number, number];
  rttMs: number;
  lossPct: number;
  r: number;
  quality: LinkQuality;
}

export interface StatusView {
  nodes: NodeView[];
  links: LinkView[];
  calls: ReportedCalls;
}

/** Beside the link: capture, coding, packet, jitter buffer and playout, ms (docs/media.md). */
const REST_OF_THE_WAY_MS = 60;

/** Puts together what the list and the reports say. Reports name whom they like: links to strangers are left out. */
export function statusView(
  supernodes: readonly StoredSupernode[],
  reports: ReadonlyMap<KeyId, ReportClaims>,
): StatusView {
  const indexOf = new Map(supernodes.map(({ keyId }, index) => [keyId, index]));
  const links = linksOf(indexOf, reports);
  const byEnd = linksByEnd(supernodes.length, links);
  const nodes = supernodes.map(({ keyId, entry, admittedAtMs }, index): NodeView => {
    const report = reports.get(keyId);
    const own = byEnd[index]!;
    return {
      id: keyId,
      name: entry.name,
      addresses: [...new Set([...entry.udp, ...entry.control])],
      since: admittedAtMs,
      state: stateOf(report, own),
      load: report?.load ?? null,
      calls: report?.calls ?? null,
      links: own,
    };
  });
  const sum = (kind: keyof ReportedCalls) =>
    nodes.reduce((total, { calls }) => total + (calls?.[kind] ?? 0), 0);
  const calls = { relayUdp: sum('relayUdp'), relayTcp: sum('relayTcp'), overlay: sum('overlay') };
  return { nodes, links, calls };
}

function stateOf(report: ReportClaims | undefined, links: readonly LinkView[]): NodeState {
  if (report === undefined) return links.length > 0 ? 'linked' : 'silent';
  return report.draining ? 'draining' : 'up';
}

/** Of a link that both ends tell of, the worse figures: who flatters itself is corrected by the other end. */
function linksOf(indexOf: ReadonlyMap<KeyId, number>, reports: ReadonlyMap<KeyId, ReportClaims>): LinkView[] {
  const count = indexOf.size;
  const byEnds = new Map<number, { ends: [number, number]; rttMs: number; lossPct: number }>();
  for (const [id, report] of reports) {
    const from = indexOf.get(id);
    if (from === undefined) continue;
    for (const { to: toId, rttMs, lossPct } of report.links) {
      const to = indexOf.get(toId);
      if (to === undefined || to === from) continue;
      const ends: [number, number] = [Math.min(from, to), Math.max(from, to)];
      const key = ends[0] * count + ends[1];
      const known = byEnds.get(key) ?? { ends, rttMs: 0, lossPct: 0 };
      known.rttMs = Math.max(rttMs, known.rttMs);
      known.lossPct = Math.max(lossPct, known.lossPct);
      byEnds.set(key, known);
    }
  }
  const ratings = new Map<number, number>();
  return [...byEnds.values()].map((link) => rated(link, ratings));
}

/** `ratings` keeps what is known of the same figures: of 80,000 links most have those of others. */
function rated(
  link: { ends: [number, number]; rttMs: number; lossPct: number },
  ratings: Map<number, number>,
): LinkView {
  const { rttMs, lossPct } = link;
  const key = rttMs * 101 + lossPct;
  const r = ratings.get(key) ?? estimateMos({ delayMs: REST_OF_THE_WAY_MS + rttMs / 2, lossPct }).r;
  ratings.set(key, r);
  return { ...link, r, quality: r >= 80 ? 'good' : r >= 70 ? 'fair' : 'poor' };
}

/** Those of each node. */
function linksByEnd(count: number, links: readonly LinkView[]): LinkView[][] {
  const byEnd: LinkView[][] = Array.from({ length: count }, () => []);
  for (const link of links) for (const end of link.ends) byEnd[end]!.push(link);
  return byEnd;
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}
