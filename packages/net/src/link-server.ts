import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { LINK_PATH } from '@overcall/wire';
import { WebSocketServer } from 'ws';
import {
  type LinkConnection,
  type LinkHandlers,
  linkOver,
  MAX_LINK_PAYLOAD_BYTES,
} from './link-connection.ts';

/** Links in all, those of strangers that have not proven anything yet included. */
const MAX_CONNECTIONS = 1024;

export interface AcceptedLink extends LinkConnection {
  /** Another supernode is at the other end: it is no handshake any more (see ControlServer). */
  admit(): void;
}

export interface LinkServerHandlers {
  /** Returns what to call with each text message and at the end. */
  onConnection(connection: AcceptedLink): LinkHandlers;
}

/** The links that other supernodes open, on the TLS listeners of the control server. */
export class LinkServer {
  readonly counts = { accepted: 0, refusedConnections: 0, protocolErrors: 0 };
  readonly #handlers: LinkServerHandlers;
  readonly #maxConnections: number;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    path: LINK_PATH,
    perMessageDeflate: false,
    maxPayload: MAX_LINK_PAYLOAD_BYTES,
  });

  constructor(handlers: LinkServerHandlers, maxConnections = MAX_CONNECTIONS) {
    this.#handlers = handlers;
    this.#maxConnections = maxConnections;
    this.#sockets.on('wsClientError', (_error, socket) => {
      this.counts.protocolErrors++;
      socket.destroy();
    });
  }

  isFor(request: IncomingMessage): boolean {
    return request.url === LINK_PATH;
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, admit: () => void): void {
    if (this.#sockets.clients.size >= this.#maxConnections) {
      this.counts.refusedConnections++;
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.counts.accepted++;
      webSocket.on('error', () => {
        this.counts.protocolErrors++;
      });
      const link = linkOver(webSocket, {
        onText: (text) => owner.onText(text),
        onClose: (how) => owner.onClose(how),
      });
      const owner = this.#handlers.onConnection({
        send: link.send,
        close: link.close,
        get backlogBytes() {
          return link.backlogBytes;
        },
        admit,
      });
    });
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
  }
}
