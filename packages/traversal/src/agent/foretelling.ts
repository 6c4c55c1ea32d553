import { parseAddressPort } from '../ip-address.ts';
import type { PortAllocation } from '../nat-behaviour.ts';
import type { SocketId } from './path.ts';

/** Sockets of one round; one more asks a server. */
export const FORETOLD_SOCKETS = 8;
/** Ports told to the peer: what is ahead of a sequential allocator, further than our own sockets take it. */
export const FORETOLD_PORTS = 16;

/** What a side tells about the outside ports that its fresh sockets will have. */
export interface Guess {
  /** Counts from 1. A higher one takes the place of the one before. */
  round: number;
  /** Outside IP address. */
  address: string;
  /** In the order in which the sockets will be used. */
  ports: number[];
}

/** A socket that was opened for guessing, and its local port. */
export interface FreshSocket {
  socket: SocketId;
  localPort: number;
}

/**
 * One round of foretelling: fresh sockets, and a server's word on where the allocator is now. Nothing else may make new
 * mappings until the sockets are used; what does is a drift, which {@link pairsOf} bears.
 */
export class Foretelling {
  readonly round: number;
  readonly #ports: PortAllocation;
  #sockets: FreshSocket[] = [];
  guess: Guess | null = null;

  constructor(round: number, ports: PortAllocation) {
    this.round = round;
    this.#ports = ports;
  }

  /** How many sockets it needs. */
  get wanted(): number {
    return FORETOLD_SOCKETS + (this.#ports.kind === 'sequential' ? 1 : 0);
  }

  /** The sockets that will have the foretold ports, in order. */
  get sockets(): readonly FreshSocket[] {
    return this.#sockets.slice(0, FORETOLD_SOCKETS);
  }

  /**
   * The sockets are open.
   * @param outside our address as servers see it
   * @returns the socket from which a server has to be asked now, if any
   */
  handleOpened(sockets: readonly FreshSocket[], outside: string | null): SocketId | null {
    this.#sockets = [...sockets];
    if (this.#ports.kind === 'sequential') return sockets.at(-1)?.socket ?? null;
    const ports = this.sockets.map(({ localPort }) => localPort);
    if (outside !== null) this.guess = { round: this.round, address: outside, ports };
    return null;
  }

  /** A server saw the last of the sockets at `mapped`: the allocator goes on from there. */
  handleMeasured(mapped: string): void {
    const seen = parseAddressPort(mapped);
    if (seen === null || this.#ports.kind !== 'sequential') return;
    const { step } = this.#ports;
    const ports = Array.from({ length: FORETOLD_PORTS }, (_, index) => seen.port + step * (index + 1));
    this.guess = { round: this.round, address: seen.address, ports: ports.filter(isPort) };
  }
}

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

/**
 * Which of our sockets sends to which of the peer's foretold ports. Each socket sends to one of them, because every
 * further one would have another port. The first side's socket k goes to port 2k of the other, the second side's
 * socket j to port j. If other traffic has moved the allocators on by d (first side) and e (second side) meanwhile,
 * then k = d + e and j = 2d + e meet all the same: two lines of different slope cross once.
 * @returns index of a socket, index of a port
 */
export function pairsOf(isFirst: boolean, sockets: number, ports: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let index = 0; index < sockets; index++) {
    const port = isFirst ? 2 * index : index;
    if (port < ports) pairs.push([index, port]);
  }
  return pairs;
}
