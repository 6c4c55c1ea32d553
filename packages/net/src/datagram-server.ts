import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import {
  DATAGRAM_PATH,
  type DatagramHandlers,
  type DatagramLink,
  linkDatagrams,
  MAX_DATAGRAM_MESSAGE_BYTES,
} from './datagram-link.ts';

/** Connections for datagrams in all: one for each party of a call that has no UDP. */
const MAX_CONNECTIONS = 4096;

/** A softphone's connection for datagrams. */
export interface DatagramConnection extends Pick<DatagramLink, 'send' | 'close' | 'terminate' | 'dropped'> {
  /** Where it comes from. */
  readonly address: string;
  readonly port: number;
  /** It has shown that it is for a call: from now on it is no handshake any more (see ControlServer). */
  admit(): void;
}

export interface DatagramServerHandlers {
  /** Returns what to call with each datagram and at the end. */
  onConnection(connection: DatagramConnection): Required<DatagramHandlers>;
}

export interface DatagramServerCounts {
  accepted: number;
  refusedConnections: number;
  /** Text, too long messages, and whatever else ends a connection. */
  protocolErrors: number;
}

/** The datagram WebSockets of a supernode, on the TLS listeners of its control server. */
export class DatagramServer {
  readonly counts: DatagramServerCounts = { accepted: 0, refusedConnections: 0, protocolErrors: 0 };
  readonly #handlers: DatagramServerHandlers;
  readonly #maxConnections: number;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    path: DATAGRAM_PATH,
    perMessageDeflate: false,
    maxPayload: MAX_DATAGRAM_MESSAGE_BYTES,
    autoPong: false,
  });

  constructor(handlers: DatagramServerHandlers, maxConnections = MAX_CONNECTIONS) {
    this.#handlers = handlers;
    this.#maxConnections = maxConnections;
    this.#sockets.on('wsClientError', (_error, socket) => {
      this.counts.protocolErrors++;
      socket.destroy();
    });
  }

  get connections(): number {
    return this.#sockets.clients.size;
  }

  isFor(request: IncomingMessage): boolean {
    return request.url === DATAGRAM_PATH;
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, admit: () => void): void {
    if (this.connections >= this.#maxConnections) {
      this.counts.refusedConnections++;
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
      return;
    }
    const { remoteAddress: address = '', remotePort: port = 0 } = request.socket;
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.counts.accepted++;
      webSocket.on('error', () => {
        this.counts.protocolErrors++;
        // It is being closed, if that was its fault: not for longer than others.
        link.close();
      });
      const link = linkDatagrams(webSocket, request.socket, {
        onDatagram: (datagram) => owner.onDatagram(datagram),
        onControlFrame: () => owner.onControlFrame(),
        onClose: () => owner.onClose(),
      });
      const owner = this.#handlers.onConnection({
        send: (datagram) => link.send(datagram),
        close: (code) => link.close(code),
        terminate: () => link.terminate(),
        get dropped() {
          return link.dropped;
        },
        address,
        port,
        admit,
      });
    });
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
  }
}
