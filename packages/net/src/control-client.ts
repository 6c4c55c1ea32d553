import type { TLSSocket } from 'node:tls';
import { formatAddressPort, parseAddressPort } from '@overcall/traversal';
import {
  type ClientMessage,
  MAX_CONTROL_CHARS,
  OvercallError,
  plainText,
  readSupernodeMessage,
  type SupernodeMessage,
} from '@overcall/wire';
import WebSocket from 'ws';
import { reachableHost } from './nat64.ts';
import { certificateDiffers } from './supernode-list-client.ts';

/** Where the control connection of a supernode is, below its `control` address. */
export const CONTROL_PATH = '/v1/control';
const CONNECT_TIMEOUT_MS = 5000;
/** The supernode pings every 20 s; after two missed pings the connection is dead although TCP does not say so. */
const SILENCE_LIMIT_MS = 45_000;

/** A control connection to a supernode whose TLS certificate is one of the pinned ones. */
export interface ControlLink {
  send(message: ClientMessage): void;
  /** Closes; `onClose` is called. */
  close(): void;
}

export interface ControlHandlers {
  onMessage(message: SupernodeMessage): void;
  onClose(): void;
}

/**
 * Connects to `wss://address/v1/control`. The certificate is checked by its fingerprint (from the directory-signed
 * supernode list) before anything is sent on the connection.
 * @throws OvercallError `supernode-unreachable`, `supernode-certificate-differs`
 */
export async function connectControl(
  target: { address: string; tlsSha256: readonly string[] },
  handlers: ControlHandlers,
): Promise<ControlLink> {
  const socket = new WebSocket(`wss://${await reachable(target.address)}${CONTROL_PATH}`, {
    rejectUnauthorized: false,
    handshakeTimeout: CONNECT_TIMEOUT_MS,
    maxPayload: MAX_CONTROL_CHARS * 4,
    perMessageDeflate: false,
  });
  let mismatch = false;
  socket.on('upgrade', (response) => {
    const { fingerprint256 } = (response.socket as TLSSocket).getPeerCertificate();
    const seen = fingerprint256?.replaceAll(':', '').toLowerCase();
    if (seen !== undefined && target.tlsSha256.includes(seen)) return;
    mismatch = true;
    socket.terminate();
  });
  const watchdog = setTimeout(() => socket.terminate(), SILENCE_LIMIT_MS);
  watchdog.unref();
  for (const sign of ['ping', 'message', 'open']) socket.on(sign, () => watchdog.refresh());
  socket.once('close', () => clearTimeout(watchdog));
  socket.on('message', (data, isBinary) => {
    const message = isBinary || mismatch ? null : readSupernodeMessage(data.toString());
    if (message !== null) handlers.onMessage(forPeople(message));
  });
  return new Promise((resolve, reject) => {
    const refuse = (cause: unknown) => {
      const error = mismatch
        ? certificateDiffers(target.address)
        : new OvercallError('supernode-unreachable', `supernode ${target.address} cannot be reached`, {
            cause,
          });
      reject(error);
    };
    socket.on('error', refuse);
    socket.once('open', () => {
      if (mismatch) return;
      socket.once('close', () => handlers.onClose());
      resolve({
        send: (message) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
        },
        close: () => socket.close(),
      });
    });
    socket.once('close', () => refuse(undefined));
  });
}

/** `ip:port` as this machine reaches it. */
async function reachable(address: string): Promise<string> {
  const parsed = parseAddressPort(address);
  if (parsed === null) return address;
  return formatAddressPort({ ...parsed, address: await reachableHost(parsed.address) });
}

/** What a supernode says in words ends in logs and on terminals. */
function forPeople(message: SupernodeMessage): SupernodeMessage {
  if (message.t !== 'refused' && message.t !== 'relay-failed') return message;
  return { ...message, message: plainText(message.message) };
}
