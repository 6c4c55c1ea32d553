import type { SupernodeStatus } from '../options.ts';

/** The status for people. */
export function statusText(status: SupernodeStatus): string {
  const state = status.draining ? 'draining' : (status.notReady ?? 'ready');
  const lines = [
    `${status.name} (${status.id}): ${state}, up ${status.uptimeS} s`,
    `public:    udp ${status.publicUdp.join(', ')}; control ${status.publicControl.join(', ')}`,
    `directory: ${status.directory.url}, ${status.directory.reachable ? 'reachable' : 'not reachable'}; list ${status.listVersion}`,
    `attached:  ${status.attached} softphones`,
    `calls:     ${status.calls} of ${status.maxCalls} (${status.overlayCalls} over other supernodes, ${status.pendingFlows} opens waiting)`,
    `relayed:   ${status.forwardedDatagrams} datagrams, ${status.forwardedBytes} bytes; this month ${monthText(status)}`,
    `access:    ${status.accessRules.allow} allowed, ${status.accessRules.deny} denied; at most ${status.maxMbps} Mbit/s`,
    `stun:      ${status.stunAnswers} answers`,
    `dropped:   ${countsText(status.dropped)}`,
    `refused:   ${countsText(status.refused)}`,
  ];
  return lines.join('\n');
}

function monthText({ monthBytes, maxMonthBytes }: SupernodeStatus): string {
  return maxMonthBytes === null ? `${monthBytes} bytes` : `${monthBytes} of ${maxMonthBytes} bytes`;
}

function countsText(counts: Record<string, number>): string {
  const entries = Object.entries(counts);
  return entries.length === 0 ? 'nothing' : entries.map(([reason, count]) => `${reason} ${count}`).join(', ');
}
