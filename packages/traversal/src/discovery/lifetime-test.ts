import { StunAttribute } from '../stun-message.ts';
import type { DiscoverySend } from './discovery-types.ts';
import { Inquiries, type Inquiry } from './inquiries.ts';

/** How long mappings are left idle, s: what carriers and home routers are known for (RFC 4787, 4.3, asks for 120 or more). */
export const LIFETIME_INTERVALS_S: readonly number[] = [10, 15, 20, 30, 45, 60, 90, 120];
/** A probe may be lost: so many are asked for, this far apart, ms. Servers give out one a second. */
const MAX_PROBES = 3;
const PROBE_APART_MS = 1200;
const ASKER = 0;

/** How long a mapping lives without a packet, as far as it was watched. */
export interface MappingLifetime {
  /** It lived for so long, s; 0 when the shortest wait was too long already. */
  livesS: number;
  /** And was gone after so long, s; null when it never was. */
  goneAfterS: number | null;
}

interface Watched {
  intervalS: number;
  socket: number;
  /** What made the mapping. */
  mapping: Inquiry;
  probes: Inquiry[];
  nextProbeAtMs: number;
  lives: boolean | null;
}

/**
 * Mapping lifetime (RFC 5780, 4.6): each socket makes a mapping and is left idle for another time; then socket 0 asks
 * the server to answer to that mapping's port. It takes as long as the mapping lives, for the first that is gone ends it.
 */
export class LifetimeTest {
  readonly #server: string;
  readonly #inquiries: Inquiries;
  readonly #watched: Watched[];

  /** @param server IPv4 `ip:port`; sockets are numbered 0 to the number of intervals */
  constructor(options: {
    server: string;
    intervalsS: readonly number[];
    random: (bytes: number) => Uint8Array;
    nowMs: number;
  }) {
    this.#server = options.server;
    this.#inquiries = new Inquiries(options.random);
    this.#watched = options.intervalsS.map((intervalS, index) => ({
      intervalS,
      socket: index + 1,
      mapping: this.#inquiries.ask(index + 1, options.server, options.nowMs),
      probes: [],
      nextProbeAtMs: options.nowMs + intervalS * 1000,
      lives: null,
    }));
  }

  poll(nowMs: number): DiscoverySend[] {
    return this.#inquiries.poll(nowMs);
  }

  get isOver(): boolean {
    const isDone = ({ lives, nextProbeAtMs }: Watched) =>
      lives !== null || nextProbeAtMs === Number.POSITIVE_INFINITY;
    return this.#watched.every(isDone) || this.#watched.some(({ lives }) => lives === false);
  }

  get deadline(): number {
    if (this.isOver) return Number.POSITIVE_INFINITY;
    const probes = this.#watched
      .filter(({ lives }) => lives === null)
      .map(({ nextProbeAtMs }) => nextProbeAtMs);
    return Math.min(this.#inquiries.deadline, ...probes);
  }

  handleDatagram(socket: number, from: string, datagram: Uint8Array, nowMs: number): void {
    this.#inquiries.handleDatagram(socket, from, datagram, nowMs);
    for (const one of this.#watched)
      if (one.probes.some(({ strays }) => strays.some((stray) => stray.socket === one.socket)))
        one.lives = true;
  }

  handleTimeout(nowMs: number): void {
    for (const one of this.#watched)
      if (one.lives === null && nowMs >= one.nextProbeAtMs) this.#probe(one, nowMs);
  }

  #probe(one: Watched, nowMs: number): void {
    const { answer } = one.mapping;
    if (answer === null) {
      one.nextProbeAtMs = Number.POSITIVE_INFINITY; // never answered: it tells nothing
      return;
    }
    if (one.probes.length === MAX_PROBES) {
      one.lives = false;
      return;
    }
    one.nextProbeAtMs = nowMs + PROBE_APART_MS;
    // Who has just asked plainly may have answers sent to another port.
    this.#inquiries.ask(ASKER, this.#server, nowMs);
    const { port } = answer.mapped;
    const value = new Uint8Array([port >> 8, port & 0xff, 0, 0]);
    const attributes = [{ type: StunAttribute.ResponsePort, value }];
    one.probes.push(this.#inquiries.ask(ASKER, this.#server, nowMs, { attributes, maxRequests: 1 }));
  }

  /** Null when the server never answered. */
  verdict(): MappingLifetime | null {
    const seen = this.#watched.filter(({ mapping }) => mapping.answer !== null);
    if (seen.length === 0) return null;
    const gone = seen.filter(({ lives }) => lives === false).map(({ intervalS }) => intervalS);
    const goneAfterS = gone.length === 0 ? null : Math.min(...gone);
    const living = seen
      .filter(
        ({ lives, intervalS }) => lives === true && intervalS < (goneAfterS ?? Number.POSITIVE_INFINITY),
      )
      .map(({ intervalS }) => intervalS);
    return { livesS: Math.max(0, ...living), goneAfterS };
  }
}
