import type { Logger } from '@overcall/cli';
import type { SupernodeEntry } from '@overcall/identity';
import { formatAddressPort } from '@overcall/traversal';
import { DatagramStream } from './datagram-stream.ts';

/** Their numbers among those of sockets begin here, beyond the softphone's own. */
const FIRST_STREAM = 1000;
/** Supernodes that a leg may have had to do with. */
const MAX_STREAMS = 64;

export interface LegStreamHandlers {
  onDatagram(socket: number, from: string, datagram: Uint8Array): void;
  onChange(socket: number, isOpen: boolean): void;
}

/** The connections for datagrams of one leg: one for each supernode that a route of it begins with. */
export class LegStreams {
  readonly #handlers: LegStreamHandlers;
  readonly #log: Logger;
  readonly #numberByKey = new Map<string, number>();
  readonly #byNumber = new Map<number, DatagramStream>();

  constructor(handlers: LegStreamHandlers, log: Logger) {
    this.#handlers = handlers;
    this.#log = log;
  }

  has(socket: number): boolean {
    return this.#byNumber.has(socket);
  }

  /** What a route that begins at that supernode is granted; nothing is opened yet. Undefined for one too many. */
  grant({ key, control, tlsSha256 }: SupernodeEntry): { socket: number; address: string } | undefined {
    const known = this.#numberByKey.get(key.x);
    if (known !== undefined) return { socket: known, address: this.#byNumber.get(known)!.address };
    if (this.#byNumber.size >= MAX_STREAMS) return undefined;
    const socket = FIRST_STREAM + this.#byNumber.size;
    const stream: DatagramStream = new DatagramStream(
      { address: control[0]!, tlsSha256 },
      {
        onDatagram: (datagram) => this.#handlers.onDatagram(socket, stream.address, datagram),
        onChange: (isOpen) => this.#handlers.onChange(socket, isOpen),
      },
      this.#log,
    );
    this.#numberByKey.set(key.x, socket);
    this.#byNumber.set(socket, stream);
    return { socket, address: stream.address };
  }

  want(socket: number, wanted: boolean): void {
    this.#byNumber.get(socket)?.want(wanted);
  }

  send(socket: number, datagram: Uint8Array): void {
    this.#byNumber.get(socket)?.send(datagram);
  }

  /** Local `ip:port` of a stream; '' while it is not open. */
  localAddressOf(socket: number): string {
    const local = this.#byNumber.get(socket)?.local;
    return local == null ? '' : formatAddressPort(local);
  }

  closeAll(): void {
    for (const stream of this.#byNumber.values()) stream.want(false);
  }
}
