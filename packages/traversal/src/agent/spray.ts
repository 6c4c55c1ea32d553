import { formatAddressPort } from '../ip-address.ts';
import type { NatBehaviour } from '../nat-behaviour.ts';
import type { SprayRole } from './nat-pair.ts';
import type { SocketId } from './path.ts';

/** Hard limits of a spray: design.md, "Paths". */
export const MAX_SPRAY_SOCKETS = 256;
export const MAX_SPRAY_PROBES = 2048;
const PACKETS_PER_TICK = 5;
/** 500 packets a second. */
const TICK_MS = 10;
/** How long a spray waits for its last probes to be answered, ms. */
const AFTERGLOW_MS = 1000;
/** How long an answer to what was hit is waited for, ms. */
const PAUSE_MS = 600;
/** And all such pauses together leave it so long at most, ms. */
const LONGEST_MS = 15_000;
/** How long the other side may go on probing for what this one has opened, ms. */
const PROBING_MS = (MAX_SPRAY_PROBES / PACKETS_PER_TICK) * TICK_MS;
/** A NAT that gives every flow a port of a small block must have some left for other things: half of it may be used. */
const SHARE_OF_BLOCK = 1 / 2;
/** Sockets that send to every port of the peer's block, where that makes no new mappings. */
const SOCKETS_PER_BLOCK = 8;
/** How often one port is probed at most: an address that has not answered gets few checks. */
const MAX_PASSES = 6;
/** Ports below are hardly ever given (RFC 4787, 4.2.1). */
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;
/** How far a block may reach beyond the ports that were seen of it on either side, as a share of these. */
const BLOCK_MARGIN = 1 / 8;

export interface SprayOptions {
  role: SprayRole;
  own: NatBehaviour;
  peer: NatBehaviour;
  /** IP address of the peer, from which it has bound at a relay. */
  address: string;
  /** Where the peer probes from, as `ip:port`: those who open do it towards there. */
  target: string;
  /** Probes go out here. */
  probeFrom: SocketId;
  /** Fresh ones, as many as {@link socketsWanted} says. */
  sockets: readonly SocketId[];
  random: (bytes: number) => Uint8Array;
}

export interface SprayPacket {
  socket: SocketId;
  to: string;
  /** It only opens the own NAT, and must not arrive. */
  opens: boolean;
}

/** How many sockets a side opens. */
export function socketsWanted(role: SprayRole, own: NatBehaviour): number {
  if (role === 'probe') return 0;
  if (role === 'both' && own.mapping !== 'apdm') return SOCKETS_PER_BLOCK;
  if (own.ports.kind !== 'block') return MAX_SPRAY_SOCKETS;
  const { first, last } = own.ports;
  return Math.max(1, Math.min(MAX_SPRAY_SOCKETS, Math.floor((last - first + 1) * SHARE_OF_BLOCK)));
}

/** A birthday spray: what to send when, within its limits; then it is over, whether something was hit or not. */
export class Spray {
  readonly #packets: Iterator<SprayPacket>;
  nextAtMs: number;
  readonly #startedAtMs: number;
  #endsAtMs = Number.POSITIVE_INFINITY;

  constructor(options: SprayOptions, nowMs: number) {
    this.#packets = packetsOf(options);
    this.#startedAtMs = nowMs;
    this.nextAtMs = nowMs;
  }

  /** Something was hit: nothing more is sent until it is clear whether it answers. */
  pause(nowMs: number): void {
    const untilMs = Math.max(this.nextAtMs, nowMs + PAUSE_MS);
    this.nextAtMs = Math.min(untilMs, this.#startedAtMs + LONGEST_MS);
  }

  isOver(nowMs: number): boolean {
    return nowMs >= Math.min(this.#endsAtMs, this.#startedAtMs + LONGEST_MS);
  }

  poll(nowMs: number): SprayPacket[] {
    const due: SprayPacket[] = [];
    if (nowMs < this.nextAtMs || this.#endsAtMs !== Number.POSITIVE_INFINITY) return due;
    while (due.length < PACKETS_PER_TICK) {
      const next = this.#packets.next();
      if (next.done) {
        this.#endsAtMs = Math.max(nowMs, this.#startedAtMs + PROBING_MS) + AFTERGLOW_MS;
        break;
      }
      due.push(next.value);
    }
    // A timer that comes a little late keeps the rate; what it is later than one tick is lost, or there would be a burst.
    const nextAtMs = Math.max(this.nextAtMs + TICK_MS, nowMs);
    this.nextAtMs = this.#endsAtMs === Number.POSITIVE_INFINITY ? nextAtMs : this.#endsAtMs;
    return due;
  }
}

function packetsOf(options: SprayOptions): Iterator<SprayPacket> {
  if (options.role === 'open') return openings(options);
  return options.role === 'probe' ? probes(options) : crossings(options);
}

/** Each socket once; then there is nothing to do but to wait for the other side's probes. */
function* openings({ sockets, target }: SprayOptions): Generator<SprayPacket> {
  for (const socket of sockets) yield { socket, to: target, opens: true };
}

/** Every port of the peer's range in random order; those of a small one again, for the peer may open them late. */
function* probes({ address, probeFrom, peer, random }: SprayOptions): Generator<SprayPacket> {
  let sent = 0;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    for (const port of shuffledPorts(peer, random)) {
      if (sent++ >= MAX_SPRAY_PROBES) return;
      yield { socket: probeFrom, to: formatAddressPort({ address, port }), opens: false };
    }
  }
}

/** Small blocks on both sides: every socket to every port where ports stay, else one port for each socket. */
function* crossings(options: SprayOptions): Generator<SprayPacket> {
  const { sockets, own, peer, address, random } = options;
  const ports = [...shuffledPorts(peer, random)];
  const each = own.mapping === 'apdm' ? 1 : ports.length;
  let sent = 0;
  for (let turn = 0; turn < each; turn++) {
    for (const [index, socket] of sockets.entries()) {
      if (sent++ >= MAX_SPRAY_PROBES) return;
      const port = ports[(turn + index) % ports.length]!;
      yield { socket, to: formatAddressPort({ address, port }), opens: false };
    }
  }
}

/** Fisher-Yates, as far as somebody asks. */
function* shuffledPorts(nat: NatBehaviour, random: (bytes: number) => Uint8Array): Generator<number> {
  const [first, last] = rangeOf(nat);
  const moved = new Map<number, number>();
  for (let index = first; index <= last; index++) {
    const other = index + below(last - index + 1, random);
    const port = moved.get(other) ?? other;
    moved.set(other, moved.get(index) ?? index);
    moved.delete(index);
    yield port;
  }
}

function rangeOf({ ports }: NatBehaviour): [number, number] {
  if (ports.kind !== 'block') return [FIRST_PORT, LAST_PORT];
  const margin = Math.ceil((ports.last - ports.first) * BLOCK_MARGIN);
  return [Math.max(1, ports.first - margin), Math.min(LAST_PORT, ports.last + margin)];
}

/** Uniform enough: the range is a 65,536th of what four bytes can say. */
function below(limit: number, random: (bytes: number) => Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) % limit;
}
