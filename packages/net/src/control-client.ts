import {
  type ClientMessage,
  MAX_CONTROL_CHARS,
  plainText,
  readSupernodeMessage,
  type SupernodeMessage,
} from '@overcall/wire';
import WebSocket from 'ws';
import { type Opening, openFirst } from './open-race.ts';
import { openPinnedWebSocket, type PinnedTarget } from './pinned-web-socket.ts';

/** Where the control connection of a supernode is, below its `control` address. */
export const CONTROL_PATH = '/v1/control';
/** The supernode pings every 20 s; after two missed pings the connection is dead although TCP does not say so. */
const SILENCE_LIMIT_MS = 45_000;
/** What a supernode can say in the moment of opening; more of it is a flood. */
const MAX_EARLY_MESSAGES = 16;

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
 * supernode list) before anything is sent on the connection. Where that takes long a second connection is tried beside it, and who opens
 * first is used; not when it may not race.
 * @throws OvercallError `supernode-unreachable`, `supernode-certificate-differs`
 */
export async function connectControl(
  target: PinnedTarget,
  handlers: ControlHandlers,
  { mayRace = true }: { mayRace?: boolean } = {},
): Promise<ControlLink> {
  const open = () => openControl(target, handlers);
  const { link, begin } = await (mayRace ? openFirst(open) : open().opened);
  begin();
  return link;
}

interface OpenedControl {
  link: ControlLink;
  /** Of two that say hello only one is heard. */
  begin(): void;
}

function openControl(target: PinnedTarget, handlers: ControlHandlers): Opening<OpenedControl> {
  const { socket, opened } = openPinnedWebSocket(target, CONTROL_PATH, { maxPayload: MAX_CONTROL_CHARS * 4 });
  const watchdog = setTimeout(() => socket.terminate(), SILENCE_LIMIT_MS);
  watchdog.unref();
  for (const sign of ['ping', 'message', 'open']) socket.on(sign, () => watchdog.refresh());
  socket.once('close', () => clearTimeout(watchdog));
  // The first words may come in the packet that opens it.
  let early: SupernodeMessage[] | null = [];
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? null : readSupernodeMessage(data.toString());
    if (message === null) return;
    if (early === null) handlers.onMessage(forPeople(message));
    else if (early.push(message) > MAX_EARLY_MESSAGES) socket.terminate();
  });
  const link: ControlLink = {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    close: () => socket.close(),
  };
  const begin = () => {
    socket.once('close', () => handlers.onClose());
    const heard = early ?? [];
    early = null;
    for (const message of heard) handlers.onMessage(forPeople(message));
  };
  return { opened: opened.then(() => ({ link, begin })), giveUp: () => socket.terminate() };
}

/** What a supernode says in words ends in logs and on terminals. */
function forPeople(message: SupernodeMessage): SupernodeMessage {
  if (message.t !== 'refused' && message.t !== 'relay-failed') return message;
  return { ...message, message: plainText(message.message) };
}
