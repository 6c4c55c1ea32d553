import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** Space for bursts while the event loop is busy: 4 MiB is 20,000 voice packets. The kernel may grant less. */
export const BUFFER_BYTES = 4 * 1024 * 1024;

/** RFC 1700's recommendation, and the default of Linux, macOS and the BSDs. */
const DEFAULT_HOP_LIMIT = 64;

/** The first sends are asked what became of them, and those after one that failed. */
const ASKED_AT_FIRST = 100;
/** Of the others one in so many: asking costs Node a tenth of what relaying a datagram takes. */
const ASKED_LATER = 16;

export interface UdpAddress {
  address: string;
  port: number;
}

export interface UdpCounts {
  receivedDatagrams: number;
  receivedBytes: number;
  sentDatagrams: number;
  sentBytes: number;
  /** Datagrams the kernel would not take, as far as it was asked: no route, full buffer, refused. */
  sendErrors: number;
}

export const NOTHING_COUNTED: Readonly<UdpCounts> = {
  receivedDatagrams: 0,
  receivedBytes: 0,
  sentDatagrams: 0,
  sentBytes: 0,
  sendErrors: 0,
};

/** One bound UDP socket. Sending never throws: a datagram that cannot be sent is counted as lost. */
export class UdpSocket {
  readonly kind = 'plain';
  readonly counts: UdpCounts = { ...NOTHING_COUNTED };
  readonly #socket: Socket;
  #toAsk = ASKED_AT_FIRST;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Binds; port 0 takes a free one. A handler that throws is a bug and reaches `uncaughtException`.
   * @throws the `listen`/`bind` error of Node, such as EADDRINUSE
   */
  static async bind(
    local: UdpAddress,
    onDatagram: (datagram: Uint8Array, source: UdpAddress) => void,
  ): Promise<UdpSocket> {
    const ipv6 = isIPv6(local.address);
    const socket = createSocket({
      type: ipv6 ? 'udp6' : 'udp4',
      ipv6Only: ipv6,
      // Addresses are numeric already; Node's own lookup would put off every send to a later tick.
      lookup: (host, _options, done) => done(null, host, ipv6 ? 6 : 4),
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(local.port, local.address, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    trySetBuffers(socket);
    const udp = new UdpSocket(socket);
    socket.on('error', () => {
      udp.counts.sendErrors++;
    });
    socket.on('message', (datagram: Buffer, remote: RemoteInfo) => {
      udp.counts.receivedDatagrams++;
      udp.counts.receivedBytes += datagram.length;
      onDatagram(datagram, remote);
    });
    return udp;
  }

  get address(): UdpAddress {
    return this.#socket.address();
  }

  /** @param hopLimit TTL of this datagram alone; the default of the system without it */
  send(datagram: Uint8Array, to: UdpAddress, hopLimit?: number): void {
    if (this.#closed) return;
    try {
      // The system call happens within `send`: the addresses need no lookup.
      if (hopLimit !== undefined) this.#socket.setTTL(hopLimit);
      if (this.#isAsked()) this.#socket.send(datagram, to.port, to.address, this.#onSent);
      else this.#socket.send(datagram, to.port, to.address);
      this.counts.sentDatagrams++;
      this.counts.sentBytes += datagram.length;
    } catch {
      this.counts.sendErrors++;
    }
    if (hopLimit !== undefined) this.#resetHopLimit();
  }

  /** Also after a datagram that was refused: or nothing that follows would get further than that one. */
  #resetHopLimit(): void {
    try {
      this.#socket.setTTL(DEFAULT_HOP_LIMIT);
    } catch {
      this.counts.sendErrors++;
    }
  }

  #isAsked(): boolean {
    if (this.#toAsk === 0) return this.counts.sentDatagrams % ASKED_LATER === 0;
    this.#toAsk--;
    return true;
  }

  readonly #onSent = (error: Error | null): void => {
    if (error === null) return;
    this.counts.sendErrors++;
    this.#toAsk = ASKED_AT_FIRST;
  };

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve) => this.#socket.close(resolve));
  }
}

function trySetBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(BUFFER_BYTES);
    socket.setSendBufferSize(BUFFER_BYTES);
  } catch {
    // Some systems refuse sizes above their limit instead of granting what they can; the default will do.
  }
}
