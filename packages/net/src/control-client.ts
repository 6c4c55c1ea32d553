import {
  type ClientMessage,
  MAX_CONTROL_CHARS,
  plainText,
  readSupernodeMessage,
  type SupernodeMessage,
} from '@overcall/wire';
import WebSocket from 'ws';
import { openPinnedWebSocket, type PinnedTarget } from './pinned-web-socket.ts';

/** Where the control connection of a supernode is, below its `control` address. */
export const CONTROL_PATH = '/v1/control';
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
export async function connectControl(target: PinnedTarget, handlers: ControlHandlers): Promise<ControlLink> {
  const { socket, opened } = openPinnedWebSocket(target, CONTROL_PATH, { maxPayload: MAX_CONTROL_CHARS * 4 });
  const watchdog = setTimeout(() => socket.terminate(), SILENCE_LIMIT_MS);
  watchdog.unref();
  for (const sign of ['ping', 'message', 'open']) socket.on(sign, () => watchdog.refresh());
  socket.once('close', () => clearTimeout(watchdog));
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? null : readSupernodeMessage(data.toString());
    if (message !== null) handlers.onMessage(forPeople(message));
  });
  socket.once('open', () => socket.once('close', () => handlers.onClose()));
  await opened;
  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    close: () => socket.close(),
  };
}

/** What a supernode says in words ends in logs and on terminals. */
function forPeople(message: SupernodeMessage): SupernodeMessage {
  if (message.t !== 'refused' && message.t !== 'relay-failed') return message;
  return { ...message, message: plainText(message.message) };
}
