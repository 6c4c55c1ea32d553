import { formatAddressPort, parseAddressPort } from '../ip-address.ts';
import type { NatBehaviour } from '../nat-behaviour.ts';
import type { SprayRole } from './nat-pair.ts';
import type { SocketId } from './path.ts';

/** Hard limits of a spray: design.md, "Paths". */
export const MAX_SPRAY_SOCKETS = 256;
export const MAX_SPRAY_PROBES = 2048;
/** In whichever second. */
const MAX_SPRAY_PACKETS_PER_S = 500;
const TICK_MS = 10;
/** As evenly as may be. */
const PROBES_PER_TICK = (MAX_SPRAY_PACKETS_PER_S * TICK_MS) / 1000;
/**
 * All of them are out after 0.13 s: a probe for a port that is opened only later is in vain, which cost a quarter of a second when
 * openings went out as evenly as probes. They are a few kB, and over long before the second is.
 */
const OPENINGS_PER_TICK = 20;
/** What a timer that comes late has missed is made up for, but no more than this, or there would be a burst, ms. */
const CATCH_UP_MS = 50;
/** How long a spray waits for its last probes to be answered, ms. */
const AFTERGLOW_MS = 1000;
/** How long an answer to what was hit is waited for, ms. */
const PAUSE_MS = 600;
/** And all such pauses together leave it so long at most, ms. */
const LONGEST_MS = 15_000;
/** How long the other side may go on probing for what this one has opened, ms. */
const PROBING_MS = (MAX_SPRAY_PROBES / MAX_SPRAY_PACKETS_PER_S) * 1000;
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
/** And how far from the ports that were seen a NAT may give one that still gives the same ones. */
const STILL_THERE_MARGIN = 1 / 2;

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
  readonly #perTick: number;
  nextAtMs: number;
  readonly #startedAtMs: number;
  #endsAtMs = Number.POSITIVE_INFINITY;
  /** When each of the last packets went out, as many as a second may have; the oldest is at `#sent` modulo their number. */
  readonly #sentAtMs: number[] = [];
  #sent = 0;

  constructor(options: SprayOptions, nowMs: number) {
    this.#packets = packetsOf(options);
    this.#perTick = options.role === 'open' ? OPENINGS_PER_TICK : PROBES_PER_TICK;
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
    let atMs = Math.max(this.nextAtMs, nowMs - CATCH_UP_MS);
    while (atMs <= nowMs && this.#endsAtMs === Number.POSITIVE_INFINITY)
      atMs = this.#takeTick(due, nowMs) ?? atMs + TICK_MS;
    this.nextAtMs = this.#endsAtMs === Number.POSITIVE_INFINITY ? atMs : this.#endsAtMs;
    return due;
  }

  /** What one tick sends. Returns when there will be room where the last second is full; null where it is not. */
  #takeTick(due: SprayPacket[], nowMs: number): number | null {
    for (let count = 0; count < this.#perTick; count++) {
      const slot = this.#sent % MAX_SPRAY_PACKETS_PER_S;
      const roomAtMs = (this.#sentAtMs[slot] ?? Number.NEGATIVE_INFINITY) + 1000;
      if (nowMs < roomAtMs) return roomAtMs;
      const next = this.#packets.next();
      if (next.done) {
        this.#endsAtMs = Math.max(nowMs, this.#startedAtMs + PROBING_MS) + AFTERGLOW_MS;
        break;
      }
      this.#sentAtMs[slot] = nowMs;
      this.#sent++;
      due.push(next.value);
    }
    return null;
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
function* probes({ address, target, probeFrom, peer, random }: SprayOptions): Generator<SprayPacket> {
  const range = rangeOf(peer, parseAddressPort(target)?.port ?? 0);
  let sent = 0;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    for (const port of shuffledPorts(range, random)) {
      if (sent++ >= MAX_SPRAY_PROBES) return;
      yield { socket: probeFrom, to: formatAddressPort({ address, port }), opens: false };
    }
  }
}

/** Small blocks on both sides: every socket to every port where ports stay, else one port for each socket. */
function* crossings(options: SprayOptions): Generator<SprayPacket> {
  const { sockets, own, peer, address, target, random } = options;
  const ports = [...shuffledPorts(rangeOf(peer, parseAddressPort(target)?.port ?? 0), random)];
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
function* shuffledPorts([first, last]: PortRange, random: (bytes: number) => Uint8Array): Generator<number> {
  const moved = new Map<number, number>();
  for (let index = first; index <= last; index++) {
    const other = index + below(last - index + 1, random);
    const port = moved.get(other) ?? other;
    moved.set(other, moved.get(index) ?? index);
    moved.delete(index);
    yield port;
  }
}

type PortRange = readonly [first: number, last: number];

/**
 * Where to look for the ports of a NAT. Those of a block nearly all get their turn, so a few more are taken. Where there are too many,
 * some of them are as good as all: whatever part of the range is probed, the share of it that is open is the same. So
 * it costs nothing to stay between the lowest and the highest that were seen, and is faster by as much as the NAT uses fewer than all (pf: 50001 to 65535).
 * @param seenNow where a server has seen the peer for this call: somewhere else, and what was seen earlier is past
 */
function rangeOf({ ports }: NatBehaviour, seenNow: number): PortRange {
  const all: PortRange = [FIRST_PORT, LAST_PORT];
  if (ports.kind === 'block') return widened(ports.first, ports.last, BLOCK_MARGIN);
  if (ports.kind !== 'random' || ports.first === undefined || ports.last === undefined) return all;
  const [lowest, highest] = widened(ports.first, ports.last, STILL_THERE_MARGIN);
  return seenNow >= lowest && seenNow <= highest ? widened(ports.first, ports.last, 0) : all;
}

function widened(first: number, last: number, share: number): PortRange {
  const margin = Math.ceil((last - first) * share);
  return [Math.max(1, first - margin), Math.min(LAST_PORT, last + margin)];
}

/** Uniform enough: the range is a 65,536th of what four bytes can say. */
function below(limit: number, random: (bytes: number) => Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) % limit;
}
