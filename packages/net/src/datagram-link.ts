import { StreamQueue } from '@overcall/traversal';
import { MAX_DATAGRAM_BYTES } from '@overcall/wire';
import { WebSocket } from 'ws';
import { monotonicMs } from './clock.ts';

/** Where a supernode takes datagrams over TCP, below its `control` address. */
export const DATAGRAM_PATH = '/v1/datagrams';
/** A longer message ends the connection (RFC 6455, 7.4.1: 1009). */
export const MAX_DATAGRAM_MESSAGE_BYTES = MAX_DATAGRAM_BYTES;
/** Answers to pings are not added to more than this, bytes: somebody who asks and does not read gets none. */
const MAX_PONG_BACKLOG_BYTES = 4096;
const PING_BYTES = 4;
/** Who does not answer a close is cut off after this, ms; `ws` alone would wait for 30 s. */
const CLOSE_PATIENCE_MS = 2000;

/** WebSocket close codes (RFC 6455, 7.4.1). */
const CloseCode = { Normal: 1000, Unsupported: 1003, Policy: 1008 } as const;

/** Carries datagrams, one in each binary WebSocket message; what cannot be sent soon is dropped. */
export interface DatagramLink {
  send(datagram: Uint8Array): void;
  close(code?: number): void;
  /** Ends it without a word. */
  terminate(): void;
  /** Local `ip` and `port` of the TCP connection. */
  readonly local: { address: string; port: number };
  /** Datagrams that were too late to be sent. */
  readonly dropped: number;
}

export interface DatagramHandlers {
  onDatagram(datagram: Uint8Array): void;
  /** A ping or a pong has come. */
  onControlFrame?(): void;
  onClose(): void;
}

/**
 * Makes a link of an open WebSocket (options: `autoPong: false`, `maxPayload` {@link MAX_DATAGRAM_MESSAGE_BYTES}). The
 * same at both ends.
 */
export function linkDatagrams(
  socket: WebSocket,
  tcp: { localAddress?: string; localPort?: number } | null,
  handlers: DatagramHandlers,
): DatagramLink {
  const queue = new StreamQueue();
  const pump = () => {
    if (socket.readyState !== WebSocket.OPEN) return;
    for (const output of queue.poll(socket.bufferedAmount, monotonicMs())) {
      if (output.type === 'datagram') socket.send(output.datagram, onWritten);
      else socket.ping(pingOf(output.id), undefined, () => {});
    }
  };
  const onWritten = () => {
    if (queue.waiting > 0) pump();
  };
  const close = (code: number = CloseCode.Normal) => {
    socket.close(code);
    setTimeout(() => socket.terminate(), CLOSE_PATIENCE_MS).unref();
  };
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) handlers.onDatagram(data);
    else close(CloseCode.Unsupported);
  });
  socket.on('pong', (data: Buffer) => {
    handlers.onControlFrame?.();
    if (data.length === PING_BYTES) queue.handlePong(data.readUInt32BE(0), monotonicMs());
    pump();
  });
  socket.on('ping', (data: Buffer) => {
    handlers.onControlFrame?.();
    if (socket.bufferedAmount <= MAX_PONG_BACKLOG_BYTES) socket.pong(data, undefined, () => {});
  });
  socket.once('close', () => handlers.onClose());
  return {
    send: (datagram) => {
      queue.offer(datagram);
      if (queue.isDead(monotonicMs())) socket.terminate();
      else pump();
    },
    close,
    terminate: () => socket.terminate(),
    local: { address: tcp?.localAddress ?? '', port: tcp?.localPort ?? 0 },
    get dropped() {
      return queue.dropped;
    },
  };
}

function pingOf(id: number): Buffer {
  const data = Buffer.alloc(PING_BYTES);
  data.writeUInt32BE(id);
  return data;
}
