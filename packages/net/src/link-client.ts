import { LINK_PATH } from '@overcall/wire';
import {
  type LinkConnection,
  type LinkEnding,
  type LinkHandlers,
  linkOver,
  MAX_LINK_PAYLOAD_BYTES,
} from './link-connection.ts';
import { openPinnedWebSocket, type PinnedTarget } from './pinned-web-socket.ts';

/** What a server can say in the moment of opening; more of it is a flood. */
const MAX_EARLY_MESSAGES = 16;

export interface DialHandlers extends LinkHandlers {
  /** It is open, to somebody who has the TLS certificate. */
  onOpen(): void;
  /** `cause` when it could not be opened. */
  onClose(how: LinkEnding, cause?: unknown): void;
}

/** Connects to the link port of a supernode, whose TLS certificate is one of the pinned ones. */
export function connectLink(target: PinnedTarget, handlers: DialHandlers): LinkConnection {
  const { socket, opened } = openPinnedWebSocket(target, LINK_PATH, { maxPayload: MAX_LINK_PAYLOAD_BYTES });
  let isOpen = false;
  let cause: unknown;
  // The first words may come in the packet that opens it.
  const early: string[] = [];
  const link = linkOver(socket, {
    onText: (text) => {
      if (isOpen) handlers.onText(text);
      else if (early.push(text) > MAX_EARLY_MESSAGES) socket.terminate();
    },
    // The reason, when it could not be opened, is known a moment later.
    onClose: (how) => setImmediate(() => handlers.onClose(how, cause)),
  });
  opened.then(
    () => {
      isOpen = true;
      handlers.onOpen();
      for (const text of early) handlers.onText(text);
    },
    (error: unknown) => {
      cause = error;
    },
  );
  return link;
}
