import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { MAX_CONTROL_CHARS, type SupernodeMessage } from '@overcall/wire';
import { WebSocket, WebSocketServer } from 'ws';
import { AddressCounter } from './address-counter.ts';
import { CONTROL_PATH } from './control-client.ts';
import type { DatagramServer } from './datagram-server.ts';
import type { DialBackEndpoint } from './dial-back-endpoint.ts';
import type { LinkServer } from './link-server.ts';
import { ListEndpoint } from './list-endpoint.ts';
import type { TlsIdentity } from './self-signed-certificate.ts';
import type { UdpAddress } from './udp-socket.ts';

/** A client that reads so slowly that this much waits for it is disconnected. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
/** Two of these without a sign of life and the connection is taken for dead. */
const HEARTBEAT_MS = 20_000;
/** TLS and HTTP must be through by then: nobody holds a socket for nothing. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Node looks for those who are late only so often (default 30 s). */
const LATE_CHECK_INTERVAL_MS = 2000;

export interface ControlServerLimits {
  /** Control connections. */
  maxConnections: number;
  /** TCP connections from one IP address; many users may share one behind a carrier's NAT. */
  maxConnectionsPerAddress: number;
  /** TCP connections that have not become control connections; one more, and the oldest of them ends. */
  maxHandshakes: number;
}

export const DEFAULT_CONTROL_SERVER_LIMITS: ControlServerLimits = {
  maxConnections: 20_000,
  maxConnectionsPerAddress: 256,
  maxHandshakes: 4096,
};

export interface ControlConnection {
  send(message: SupernodeMessage): void;
  /** Closes after what was sent. */
  close(): void;
  /** Bytes that wait to be sent. */
  readonly backlogBytes: number;
  /** Where it comes from. */
  readonly address: string;
}

export interface ControlServerHandlers {
  /** Returns what to call with each text message and at the end. */
  onConnection(connection: ControlConnection): { onText(text: string): void; onClose(): void };
  /** Whether this address may begin another TLS connection now; everybody may when there is no such limit. */
  admitConnection?(address: string): boolean;
  /** Whether this address may have the supernode list now. */
  admitListRequest(address: string): boolean;
  /** Answers requests of dial-back on the same port; without it there is none. */
  dialBacks?: DialBackEndpoint;
  /** Takes datagrams over TCP on the same port; without it there are none. */
  datagrams?: DatagramServer;
  /** Takes links of other supernodes on the same port; without it there are none. */
  links?: LinkServer;
}

export interface ControlServerCounts {
  accepted: number;
  refusedConnections: number;
  binaryMessages: number;
  protocolErrors: number;
  slowClients: number;
}

/** WebSocket over TLS for control connections. Whatever a client sends is counted or handled, never thrown. */
export class ControlServer {
  readonly counts: ControlServerCounts = {
    accepted: 0,
    refusedConnections: 0,
    binaryMessages: 0,
    protocolErrors: 0,
    slowClients: 0,
  };
  readonly #servers: Server[] = [];
  readonly #sockets: WebSocketServer;
  readonly #handlers: ControlServerHandlers;
  readonly #limits: ControlServerLimits;
  readonly #list: ListEndpoint;
  readonly #addresses: AddressCounter;
  /** Sockets that have not become control connections, oldest first, by remote and local port and address. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #alive = new WeakSet<WebSocket>();
  readonly #heartbeat: NodeJS.Timeout;

  constructor(handlers: ControlServerHandlers, limits = DEFAULT_CONTROL_SERVER_LIMITS) {
    this.#handlers = handlers;
    this.#limits = limits;
    this.#list = new ListEndpoint(handlers.admitListRequest);
    this.#addresses = new AddressCounter(limits.maxConnectionsPerAddress);
    this.#sockets = new WebSocketServer({
      noServer: true,
      path: CONTROL_PATH,
      perMessageDeflate: false,
      // A UTF-16 unit is at most three bytes of UTF-8.
      maxPayload: MAX_CONTROL_CHARS * 3,
    });
    this.#sockets.on('wsClientError', (_error, socket) => {
      this.counts.protocolErrors++;
      socket.destroy();
    });
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  /**
   * Listens on one more address; port 0 takes a free one.
   * @throws Node's error, such as EADDRINUSE
   */
  async listen(local: UdpAddress, tls: TlsIdentity): Promise<UdpAddress> {
    const server = createServer({
      key: tls.key,
      cert: tls.certificate,
      minVersion: 'TLSv1.3',
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headersTimeout: HANDSHAKE_TIMEOUT_MS,
      requestTimeout: HANDSHAKE_TIMEOUT_MS,
      connectionsCheckingInterval: LATE_CHECK_INTERVAL_MS,
    });
    server.on('connection', (socket) => this.#admit(socket as Socket));
    server.on('request', (request, response) => {
      const { dialBacks } = this.#handlers;
      if (dialBacks?.isFor(request)) dialBacks.handle(request, response);
      else this.#list.handle(request, response);
    });
    server.on('tlsClientError', () => {
      this.counts.protocolErrors++;
    });
    server.on('clientError', (_error, socket) => {
      this.counts.protocolErrors++;
      socket.destroy();
    });
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy());
      const { datagrams, links } = this.#handlers;
      const other = [datagrams, links].find((server) => server?.isFor(request));
      if (other) {
        // Until it has bound a flow, or proven which supernode it is, it counts as a handshake.
        other.handleUpgrade(request, socket, head, () => this.#handshakes.delete(endsOf(request.socket)));
        return;
      }
      if (this.#sockets.clients.size >= this.#limits.maxConnections) {
        this.counts.refusedConnections++;
        socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
        return;
      }
      this.#handshakes.delete(endsOf(request.socket));
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) =>
        this.#accept(webSocket, request.socket.remoteAddress ?? ''),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // As for UDP: an IPv4 socket of its own may have the same port.
      server.listen({ port: local.port, host: local.address, ipv6Only: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    // Later errors are of single connections that could not be accepted (too many open files).
    server.on('error', () => {
      this.counts.protocolErrors++;
    });
    this.#servers.push(server);
    const { address, port } = server.address() as AddressInfo;
    return { address, port };
  }

  /** The signed supernode list to serve from now on. */
  setList(token: string): void {
    this.#list.setList(token);
  }

  /** Counts raw TCP connections, before TLS: holding one must not cost a stranger less than it costs us. */
  #admit(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const isAdmitted = this.#handlers.admitConnection?.(address) ?? true;
    const release = isAdmitted ? this.#addresses.admit(address) : null;
    if (release === null) {
      this.counts.refusedConnections++;
      socket.destroy();
      return;
    }
    const ends = endsOf(socket);
    this.#handshakes.set(ends, socket);
    socket.once('close', () => {
      release();
      if (this.#handshakes.get(ends) === socket) this.#handshakes.delete(ends);
    });
    const [oldest] = this.#handshakes.values();
    if (this.#handshakes.size <= this.#limits.maxHandshakes || oldest === undefined) return;
    this.counts.refusedConnections++;
    oldest.destroy();
  }

  #accept(socket: WebSocket, address: string): void {
    this.counts.accepted++;
    this.#alive.add(socket);
    const { onText, onClose } = this.#handlers.onConnection({
      send: (message) => this.#send(socket, message),
      close: () => socket.close(1000),
      get backlogBytes() {
        return socket.bufferedAmount;
      },
      address,
    });
    socket.on('pong', () => this.#alive.add(socket));
    socket.on('error', () => {
      this.counts.protocolErrors++;
    });
    socket.on('message', (data, isBinary) => {
      this.#alive.add(socket);
      if (!isBinary) {
        onText(data.toString());
        return;
      }
      this.counts.binaryMessages++;
      socket.close(1003);
    });
    socket.once('close', onClose);
  }

  #send(socket: WebSocket, message: SupernodeMessage): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.counts.slowClients++;
      socket.terminate();
      return;
    }
    socket.send(JSON.stringify(message), () => {});
  }

  #beat(): void {
    for (const socket of this.#sockets.clients) {
      if (!this.#alive.delete(socket)) socket.terminate();
      else socket.ping(() => {});
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    this.#handlers.datagrams?.close();
    this.#handlers.links?.close();
    await Promise.all(
      this.#servers.map((server) => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
  }
}

/** Names a TCP connection, whether one has the socket or the TLS socket on top of it. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
