import { CALLS_STEP, LOAD_STEPS, type ReportedCalls } from '@overcall/identity';
import { counted } from './html.ts';
import { type LinkView, median, type NodeState } from './status-view.ts';

/** What is said of a supernode, in words. */
export const STATE_TEXT: Readonly<Record<NodeState, string>> = {
  up: 'up',
  draining: 'draining',
  linked: 'seen by others',
  silent: 'no report',
};

export const rttText = (rttMs: number): string => (rttMs < 1 ? 'under 1 ms' : `${rttMs} ms`);

export function loadText(load: number | null): string {
  if (load === null) return 'not told';
  if (load === LOAD_STEPS) return 'full';
  const pct = (step: number) => (100 / LOAD_STEPS) * step;
  return load === 0 ? `under ${pct(1)}%` : `${pct(load)} to ${pct(load + 1)}%`;
}

const totalOf = ({ relayUdp, relayTcp, overlay }: ReportedCalls): number => relayUdp + relayTcp + overlay;

/** Rounded down by each supernode: what is not told is fewer than that of each kind. */
export function callsText(calls: ReportedCalls | null): string {
  if (calls === null) return 'not told';
  const total = totalOf(calls);
  return total === 0 ? 'fewer than 10' : `at least ${total}`;
}

export function callKindsText({ relayUdp, relayTcp, overlay }: ReportedCalls): string {
  const atLeast = (count: number) => (count < CALLS_STEP ? 'too few to tell' : `${count} or more`);
  return `relay over UDP: ${atLeast(relayUdp)}; relay over TCP: ${atLeast(relayTcp)}; overlay: ${atLeast(overlay)}`;
}

/** `12 links, median 24 ms, 1 poor`. */
export function linksText(links: readonly LinkView[]): string {
  if (links.length === 0) return 'none told';
  const parts = [
    counted(links.length, 'link'),
    `median ${rttText(median(links.map(({ rttMs }) => rttMs))!)}`,
  ];
  for (const quality of ['fair', 'poor'] as const) {
    const count = links.filter((link) => link.quality === quality).length;
    if (count > 0) parts.push(`${count} ${quality}`);
  }
  return parts.join(', ');
}
