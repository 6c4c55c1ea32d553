import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { SupernodeEntry } from '@overcall/identity';
import { connectControl, proxyFor, reachableHost } from '@overcall/net';
import { parseAddressPort } from '@overcall/traversal';

/** So many supernodes are tried. */
const TRIED = 2;
/** When TCP is tried besides, ms: where packets get lost, one of them comes through. A kernel tries again after 1 s only. */
const PLAIN_AT_MS = [0, 300, 600, 900, 1200];

export type ControlVerdict = 'open' | 'blocked' | 'unknown';

/**
 * Whether control connections (TLS over TCP) to supernodes can be opened. When `limit` comes first, it is unknown where TCP
 * goes through, on a slow line say, and blocked where not even that does.
 */
export async function tryControl(
  entries: readonly SupernodeEntry[],
  limit: Promise<unknown>,
): Promise<ControlVerdict> {
  const tried = entries.slice(0, TRIED);
  if (tried.length === 0) return 'unknown';
  let isTcpThrough = false;
  const stop = new AbortController();
  for (const { control } of tried)
    void goesThrough(control[0]!, stop.signal).then(
      () => {
        isTcpThrough = true;
      },
      () => {},
    );
  const links = tried.map(async ({ control, tlsSha256 }) => {
    const handlers = { onMessage() {}, onClose() {} };
    (await connectControl({ address: control[0]!, tlsSha256 }, handlers)).close();
  });
  const opened = Promise.any(links).then(
    (): ControlVerdict => 'open',
    (): ControlVerdict => 'blocked',
  );
  const verdict = await Promise.race([
    opened,
    limit.then((): ControlVerdict => (isTcpThrough ? 'unknown' : 'blocked')),
  ]);
  stop.abort();
  return verdict;
}

/** Resolves when one of several plain TCP connections stands; at once where a proxy is on the way, which they would not show. */
async function goesThrough(address: string, signal: AbortSignal): Promise<void> {
  if (proxyFor(new URL(`https://${address}`)) !== null) return;
  const { address: ip, port } = parseAddressPort(address)!;
  const host = await reachableHost(ip);
  await Promise.any(
    PLAIN_AT_MS.map(async (ms) => {
      await delay(ms, undefined, { signal, ref: false });
      await connects(host, port, signal);
    }),
  );
}

function connects(host: string, port: number, signal: AbortSignal): Promise<void> {
  const socket = connect({ host, port, signal });
  return new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  }).finally(() => socket.destroy());
}
