import { type LinkMessage, MAX_CONTROL_CHARS } from '@overcall/wire';
import { WebSocket } from 'ws';

/** A UTF-16 unit is at most three bytes of UTF-8. */
export const MAX_LINK_PAYLOAD_BYTES = MAX_CONTROL_CHARS * 3;
/** Who does not answer a close is cut off after this, ms. */
const CLOSE_PATIENCE_MS = 2000;

/** How a link ends, in WebSocket close codes (RFC 6455, 7.4.1): other supernodes are told whether to come again soon. */
const CODES = { normal: 1000, full: 1013, policy: 1008 } as const;
/** Of whoever stops: no fault of the link. */
const GOING_AWAY = 1001;

/** What the other side meant by ending a link; `broken` without a word. */
export type LinkEnding = 'normal' | 'refused' | 'broken';

/** A WebSocket to another supernode. */
export interface LinkConnection {
  send(message: LinkMessage): void;
  close(why: keyof typeof CODES): void;
  /** Bytes that wait to be sent. */
  readonly backlogBytes: number;
}

export interface LinkHandlers {
  onText(text: string): void;
  onClose(how: LinkEnding): void;
}

/** Makes a link of an open WebSocket; the same at both ends. */
export function linkOver(socket: WebSocket, handlers: LinkHandlers): LinkConnection {
  const close = (code: number) => {
    socket.close(code);
    setTimeout(() => socket.terminate(), CLOSE_PATIENCE_MS).unref();
  };
  // What it sent that is no WebSocket ends it, by itself.
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => {
    if (isBinary) close(1003);
    else handlers.onText(data.toString());
  });
  socket.once('close', (code: number) => handlers.onClose(endingOf(code)));
  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message), () => {});
    },
    close: (why) => close(CODES[why]),
    get backlogBytes() {
      return socket.bufferedAmount;
    },
  };
}

function endingOf(code: number): LinkEnding {
  if (code === CODES.normal || code === GOING_AWAY) return 'normal';
  return code === CODES.full || code === CODES.policy ? 'refused' : 'broken';
}
