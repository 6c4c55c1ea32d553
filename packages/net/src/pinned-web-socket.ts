import type { TLSSocket } from 'node:tls';
import { OvercallError } from '@overcall/wire';
import WebSocket from 'ws';
import { ReachingAgent } from './nat64.ts';
import { proxyFor, TunnelAgent } from './proxy.ts';
import { certificateDiffers } from './supernode-list-client.ts';

const CONNECT_TIMEOUT_MS = 5000;

/** A supernode's TLS address, and the SHA-256 fingerprints that its certificate may have, from the signed list. */
export interface PinnedTarget {
  address: string;
  tlsSha256: readonly string[];
}

/**
 * Opens a WebSocket at a supernode whose TLS certificate is one of the pinned ones, through a proxy when the environment
 * names one. `opened` rejects otherwise, and before it resolves nothing arrives.
 */
export function openPinnedWebSocket(
  target: PinnedTarget,
  path: string,
  { maxPayload, autoPong = true }: { maxPayload: number; autoPong?: boolean },
): { socket: WebSocket; opened: Promise<void> } {
  const url = new URL(`https://${target.address}${path}`);
  let mismatch = false;
  const check = (tls: TLSSocket) => {
    if (isPinned(tls, target)) return;
    mismatch = true;
    throw certificateDiffers(target.address);
  };
  const proxy = proxyFor(url);
  const socket = new WebSocket(`wss://${target.address}${path}`, {
    rejectUnauthorized: false,
    handshakeTimeout: CONNECT_TIMEOUT_MS,
    maxPayload,
    perMessageDeflate: false,
    autoPong,
    agent: proxy === null ? new ReachingAgent(CONNECT_TIMEOUT_MS) : new TunnelAgent(proxy, check),
  });
  socket.on('upgrade', (response) => {
    if (isPinned(response.socket as TLSSocket, target)) return;
    mismatch = true;
    socket.terminate();
  });
  const opened = new Promise<void>((resolve, reject) => {
    const refuse = (cause: unknown) => {
      const via = proxy === null ? '' : ` through the proxy ${proxy.host}`;
      const error = mismatch
        ? certificateDiffers(target.address)
        : new OvercallError('supernode-unreachable', `supernode ${target.address} cannot be reached${via}`, {
            cause,
          });
      reject(error);
    };
    socket.on('error', refuse);
    socket.once('open', () => {
      if (!mismatch) resolve();
    });
    socket.once('close', () => refuse(undefined));
  });
  return { socket, opened };
}

function isPinned(tls: TLSSocket, { tlsSha256 }: PinnedTarget): boolean {
  const seen = tls.getPeerCertificate().fingerprint256?.replaceAll(':', '').toLowerCase();
  return seen !== undefined && tlsSha256.includes(seen);
}
