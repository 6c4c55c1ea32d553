import { type DatagramConnection, type DatagramHandlers, DatagramServer, monotonicMs } from '@overcall/net';
import { type DatagramResult, FIRST_CONNECTION, type RelaySource, StreamSession } from '@overcall/overlay';

/** How often it is looked who has nothing to say, ms. */
const SWEEP_INTERVAL_MS = 1000;
/** WebSocket close code: policy violation (RFC 6455, 7.4.1). */
const POLICY = 1008;

interface Stream {
  connection: DatagramConnection;
  session: StreamSession;
}

/** Datagrams over TCP: each connection is one source for the relay table, like a UDP address. */
export class StreamDriver {
  readonly server: DatagramServer;
  /** Connections that were closed because of what they sent. */
  closedForMisuse = 0;
  readonly #handle: (source: RelaySource, datagram: Uint8Array) => DatagramResult;
  readonly #streams = new Map<number, Stream>();
  #nextNumber = FIRST_CONNECTION;
  #sweep: NodeJS.Timeout | undefined;

  /** `handle` passes a datagram through the relay table, and what comes of it on. */
  constructor(handle: (source: RelaySource, datagram: Uint8Array) => DatagramResult) {
    this.#handle = handle;
    this.server = new DatagramServer({ onConnection: (connection) => this.#accept(connection) });
  }

  /** False when there is no such connection any more. */
  send(number: number, datagram: Uint8Array): boolean {
    const stream = this.#streams.get(number);
    stream?.connection.send(datagram);
    return stream !== undefined;
  }

  #accept(connection: DatagramConnection): Required<DatagramHandlers> {
    const number = this.#nextNumber++;
    const stream = { connection, session: new StreamSession(monotonicMs()) };
    const source = { address: connection.address, port: connection.port, socket: number };
    this.#streams.set(number, stream);
    this.#sweep ??= setInterval(() => this.#closeExpired(), SWEEP_INTERVAL_MS);
    return {
      onDatagram: (datagram) => {
        if (this.#streams.has(number)) this.#receive(stream, source, datagram);
      },
      onControlFrame: () => {
        const isFlood = stream.session.handleControlFrame(monotonicMs()) === 'close';
        if (isFlood && this.#streams.has(number)) this.#expel(number, connection);
      },
      onClose: () => this.#forget(number),
    };
  }

  #receive({ connection, session }: Stream, source: RelaySource, datagram: Uint8Array): void {
    const nowMs = monotonicMs();
    const result = session.take(nowMs) ? this.#handle(source, datagram) : null;
    const verdict = session.handleResult(result, nowMs);
    if (verdict === 'admit') connection.admit();
    if (verdict === 'close') this.#expel(source.socket, connection);
  }

  #expel(number: number, connection: DatagramConnection): void {
    this.closedForMisuse++;
    this.#forget(number);
    connection.close(POLICY);
  }

  #closeExpired(): void {
    const nowMs = monotonicMs();
    for (const [number, { connection, session }] of this.#streams) {
      if (!session.isExpired(nowMs)) continue;
      this.#forget(number);
      if (session.isBound) connection.close();
      // Strangers might not answer, and keep their place meanwhile.
      else connection.terminate();
    }
  }

  #forget(number: number): void {
    this.#streams.delete(number);
    if (this.#streams.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  close(): void {
    clearInterval(this.#sweep);
  }
}
