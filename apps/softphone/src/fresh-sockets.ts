import { randomBytes } from 'node:crypto';
import { DeadlineTimer, monotonicMs, UdpSocket } from '@overcall/net';
import { BindingQuery, type FreshSocket, formatAddressPort, parseAddressPort } from '@overcall/traversal';
import { LAST_STUN_BYTE } from '@overcall/wire';

/** Their numbers begin here, beyond those of the softphone's own sockets. */
export const FIRST_FRESH_SOCKET = 2000;
/** Never more at once, whatever is asked for: 256 of a spray and nine of foretelling (docs/paths.md). */
export const MAX_FRESH_SOCKETS = 265;

export interface FreshSocketHandlers {
  /** Local address to bind to; every interface when there is none. */
  bindAddress: string | undefined;
  onDatagram(socket: number, from: string, datagram: Uint8Array): void;
  /** A server's word on how a socket that was measured looks from outside. */
  onMeasured(mapped: string): void;
}

/** IPv4 sockets of one leg beside the softphone's own, opened to guess ports. */
export class FreshSockets {
  readonly #handlers: FreshSocketHandlers;
  readonly #sockets = new Map<number, UdpSocket>();
  #next = FIRST_FRESH_SOCKET;
  /** Sockets that are being bound. */
  #pending = 0;
  #query: { socket: number; query: BindingQuery } | null = null;
  readonly #timer = new DeadlineTimer(() => this.#pump());
  #closed = false;

  constructor(handlers: FreshSocketHandlers) {
    this.#handlers = handlers;
  }

  /** As many as there are to be had, in the order of their numbers. */
  async open(count: number): Promise<FreshSocket[]> {
    const wanted = Math.min(count, MAX_FRESH_SOCKETS - this.#sockets.size - this.#pending);
    const opened = await Promise.all(Array.from({ length: wanted }, () => this.#openOne(this.#next++)));
    return opened.filter((socket) => socket !== null);
  }

  async #openOne(number: number): Promise<FreshSocket | null> {
    const address = this.#handlers.bindAddress ?? '0.0.0.0';
    this.#pending++;
    const socket = await UdpSocket.bind({ address, port: 0 }, (datagram, source) =>
      this.#handleDatagram(number, formatAddressPort(source), datagram),
    ).catch(() => null);
    this.#pending--;
    if (socket === null) return null;
    if (this.#closed) {
      void socket.close();
      return null;
    }
    this.#sockets.set(number, socket);
    return { socket: number, localPort: socket.address.port };
  }

  has(number: number): boolean {
    return this.#sockets.has(number);
  }

  send(number: number, to: string, datagram: Uint8Array, hopLimit?: number): void {
    const address = parseAddressPort(to);
    if (address !== null) this.#sockets.get(number)?.send(datagram, address, hopLimit);
  }

  /** Asks a STUN server how it sees that socket. */
  measure(number: number, server: string): void {
    this.#query = { socket: number, query: new BindingQuery([server], randomBytes, monotonicMs()) };
    this.#pump();
  }

  #pump(): void {
    if (this.#query === null) return;
    const { socket, query } = this.#query;
    for (const { to, datagram } of query.poll(monotonicMs())) this.send(socket, to, datagram);
    if (query.isOver) this.#query = null;
    this.#timer.set(query.isOver ? null : query.deadline);
  }

  #handleDatagram(number: number, from: string, datagram: Uint8Array): void {
    if (datagram.length === 0 || datagram[0]! > LAST_STUN_BYTE) {
      this.#handlers.onDatagram(number, from, datagram);
      return;
    }
    if (this.#query?.socket !== number) return;
    const found = this.#query.query.handleDatagram(from, datagram);
    if (found === null) return;
    this.#pump();
    this.#handlers.onMeasured(found.mapped);
  }

  close(numbers: readonly number[]): void {
    for (const number of numbers) {
      void this.#sockets.get(number)?.close();
      this.#sockets.delete(number);
    }
  }

  closeAll(): void {
    this.#closed = true;
    this.#timer.set(null);
    this.close([...this.#sockets.keys()]);
  }
}
