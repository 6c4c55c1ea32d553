import { mayCheck } from '../agent/candidate.ts';
import { formatAddressPort } from '../ip-address.ts';
import { UNKNOWN_NAT } from '../nat-behaviour.ts';
import { StunAttribute } from '../stun-message.ts';
import type { DiscoveryReport, DiscoverySend, DiscoveryServer } from './discovery-types.ts';
import { FilterTest } from './filter-test.ts';
import { Inquiries, type Inquiry, mappedText, otherAddressOf } from './inquiries.ts';
import { filteringOf, hostOf, type LetIn, mappingOf, portOf, portsOf, type Seen } from './verdicts.ts';

/** What follows one on the other takes three round trips; whatever is not known by then stays unknown. */
const LIMIT_MS = 1900;
/** When nobody has answered by then, UDP is blocked. */
const SILENCE_LIMIT_MS = 1500;
/** The more there are, the less looks like a sequence by chance. */
const FRESH_SOCKETS = 8;
const MAPPING_SOCKET = FRESH_SOCKETS;
const FIRST_FILTER_SOCKET = FRESH_SOCKETS + 1;
/** How many servers the mapping test asks at the most. */
const MAX_SERVERS = 3;
/** Fresh sockets that are used again when their ports are known. */
const HAIRPIN = [0, 1] as const;
const PRESENTER = 2;
const HAIRPIN_ROUNDS = 3;
const HAIRPIN_ROUND_MS = 30;
const LEAST_HAIRPIN_GRACE_MS = 50;

/** So many fresh sockets the driver has to open. */
export const DISCOVERY_SOCKETS = FRESH_SOCKETS + 3;

export interface DiscoveryOptions {
  /** The first two are the ones that matter; the nearest first. */
  servers: readonly DiscoveryServer[];
  /** Ports of {@link DISCOVERY_SOCKETS} sockets that have sent nothing yet. */
  localPorts: readonly number[];
  /** IPv4 addresses of this host. */
  localAddresses: readonly string[];
  random: (bytes: number) => Uint8Array;
  nowMs: number;
}

/**
 * Finds out how the NATs in front of this host behave (RFC 5780), once. Pure: what is to be sent comes out of `poll`, what
 * arrives goes into `handleDatagram`; at `deadline` it wants `handleTimeout`, until `isOver`. At most some 1.9 s.
 *
 * Everything is asked at once: fresh sockets one server (which ports they get), one socket every server (whether all
 * see the same), and two that each know one endpoint of one server only (who else gets in to them).
 */
export class NatDiscovery {
  readonly #options: DiscoveryOptions;
  readonly #startedAtMs: number;
  readonly #inquiries: Inquiries;
  #fresh: Inquiry[] = [];
  readonly #mapping: Inquiry[] = [];
  readonly #filters: FilterTest[] = [];
  readonly #hairpins: Inquiry[] = [];
  #nextHairpinAtMs = Number.POSITIVE_INFINITY;
  #hairpinOverAtMs = Number.POSITIVE_INFINITY;
  #triedAgain = false;
  #isOver = false;
  #tookMs = 0;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#startedAtMs = options.nowMs;
    this.#inquiries = new Inquiries(options.random);
    if (options.servers.length === 0) this.#isOver = true;
    else this.#begin(options.nowMs);
  }

  /** Fresh sockets first: in between, every other mapping would take a port of a sequence. */
  #begin(nowMs: number): void {
    const { servers } = this.#options;
    this.#askFresh(servers[0]!, nowMs);
    for (const server of servers.slice(0, MAX_SERVERS))
      for (const address of server.addresses) this.#askMapping(address, nowMs);
    for (const [index, server] of servers.slice(0, 2).entries()) {
      const sockets = { socket: FIRST_FILTER_SOCKET + index, presenter: PRESENTER };
      this.#filters.push(new FilterTest(this.#inquiries, sockets, server, servers[1 - index], nowMs));
    }
  }

  #askFresh(server: DiscoveryServer, nowMs: number): void {
    this.#fresh = Array.from({ length: FRESH_SOCKETS }, (_, socket) =>
      this.#inquiries.ask(socket, server.addresses[0]!, nowMs),
    );
  }

  /** With a cookie asked for: then the server tells about its other port. */
  #askMapping(address: string, nowMs: number): void {
    const attributes = [{ type: StunAttribute.ProbeCookie, value: new Uint8Array(16) }];
    this.#mapping.push(this.#inquiries.ask(MAPPING_SOCKET, address, nowMs, { attributes }));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Mapping and allocation are known, as far as they will be: a round trip; filtering takes several. */
  get isMappingKnown(): boolean {
    return [...this.#fresh, ...this.#mapping].every(({ isOver }) => isOver);
  }

  get deadline(): number {
    if (this.#isOver) return Number.POSITIVE_INFINITY;
    const nextHairpin = Math.min(this.#nextHairpinAtMs, this.#hairpinOverAtMs);
    const filters = this.#filters.map(({ deadline }) => deadline);
    return Math.min(this.#limitAtMs, this.#inquiries.deadline, nextHairpin, ...filters);
  }

  get #limitAtMs(): number {
    return this.#startedAtMs + (this.#inquiries.answers > 0 ? LIMIT_MS : SILENCE_LIMIT_MS);
  }

  /** What is to be sent now. */
  poll(nowMs: number): DiscoverySend[] {
    if (this.#isOver) return [];
    const due = this.#inquiries.poll(nowMs);
    // Requests that have been given up may call for others.
    this.#advance(nowMs);
    return [...due, ...this.#inquiries.poll(nowMs)];
  }

  handleDatagram(socket: number, from: string, datagram: Uint8Array, nowMs: number): void {
    if (this.#isOver) return;
    this.#inquiries.handleDatagram(socket, from, datagram, nowMs);
    this.#advance(nowMs);
  }

  handleTimeout(nowMs: number): void {
    if (!this.#isOver) this.#advance(nowMs);
  }

  #advance(nowMs: number): void {
    this.#askOtherPorts(nowMs);
    this.#askAnotherServer(nowMs);
    for (const filter of this.#filters) filter.advance(nowMs);
    this.#hairpin(nowMs);
    const isHairpinOver = this.#isHairpinOver(nowMs);
    const isDone =
      isHairpinOver &&
      [...this.#fresh, ...this.#mapping].every(({ isOver }) => isOver) &&
      (this.#filtering !== 'unknown' || this.#filters.every(({ isOver }) => isOver));
    if (!isDone && nowMs < this.#limitAtMs) return;
    this.#isOver = true;
    this.#tookMs = nowMs - this.#startedAtMs;
  }

  /** Only at addresses that the supernode list names: a server must not point us at others. */
  #askOtherPorts(nowMs: number): void {
    for (const server of this.#options.servers.slice(0, MAX_SERVERS)) {
      const hosts = server.addresses.map(hostOf);
      for (const { to, answer } of [...this.#mapping]) {
        const other = server.addresses.includes(to) ? otherAddressOf(answer) : null;
        if (other === null || !hosts.includes(other.address)) continue;
        const address = formatAddressPort(other);
        if (!this.#mapping.some((asked) => asked.to === address)) this.#askMapping(address, nowMs);
      }
    }
  }

  /** The first server is silent, another is not. */
  #askAnotherServer(nowMs: number): void {
    if (this.#triedAgain || !this.#fresh.every(({ isOver, answer }) => isOver && answer === null)) return;
    const answering = this.#options.servers.find(({ addresses }) =>
      this.#mapping.some(({ to, answer }) => to === addresses[0] && answer !== null),
    );
    if (answering === undefined) return;
    this.#triedAgain = true;
    this.#askFresh(answering, nowMs);
  }

  /**
   * Where two fresh sockets are, seen from outside; null while that is open, none when it cannot be known. A server could
   * claim anybody's address to be ours: another one must have seen it too, and private ones are never believed.
   */
  get #outsides(): string[] | null {
    const asked = HAIRPIN.map((socket) => this.#fresh[socket]!);
    if (asked.some(({ isOver, answer }) => isOver && answer === null)) return [];
    const ends = asked.map(mappedText).filter((end) => end !== null);
    if (ends.length < asked.length) return null;
    if (!ends.every((end) => mayCheck(end, []))) return [];
    const asker = this.#options.servers.find(({ addresses }) => addresses.includes(asked[0]!.to))!;
    const others = this.#mapping.filter(({ to }) => !asker.addresses.map(hostOf).includes(hostOf(to)));
    const isConfirmed = (end: string) => others.some(({ answer }) => answer?.mapped.address === hostOf(end));
    if (ends.every(isConfirmed)) return ends;
    return others.every(({ isOver }) => isOver) ? [] : null;
  }

  /** Each opens its own filter for the other, so that the other's packet may come in. */
  #hairpin(nowMs: number): void {
    const [one, other] = this.#outsides ?? [];
    if (!one || !other) return;
    if (this.#hairpins.length === 0) this.#nextHairpinAtMs = nowMs;
    if (nowMs < this.#nextHairpinAtMs) return;
    const once = { maxRequests: 1 };
    this.#hairpins.push(this.#inquiries.ask(HAIRPIN[0], other, nowMs, once));
    this.#hairpins.push(this.#inquiries.ask(HAIRPIN[1], one, nowMs, once));
    const isLast = this.#hairpins.length === 2 * HAIRPIN_ROUNDS;
    this.#nextHairpinAtMs = isLast ? Number.POSITIVE_INFINITY : nowMs + HAIRPIN_ROUND_MS;
    if (isLast) this.#hairpinOverAtMs = nowMs + Math.max(LEAST_HAIRPIN_GRACE_MS, this.#inquiries.rttMs ?? 0);
  }

  get #didHairpin(): boolean {
    return this.#hairpins.some(({ strays }) => strays.length > 0);
  }

  #isHairpinOver(nowMs: number): boolean {
    if (this.#didHairpin || nowMs >= this.#hairpinOverAtMs) {
      this.#hairpinOverAtMs = Number.POSITIVE_INFINITY;
      this.#nextHairpinAtMs = Number.POSITIVE_INFINITY;
      return true;
    }
    return this.#hairpins.length === 2 * HAIRPIN_ROUNDS
      ? this.#hairpinOverAtMs === Number.POSITIVE_INFINITY
      : this.#outsides?.length === 0;
  }

  get #filtering() {
    return filteringOf(merged(this.#filters.map(({ letIn }) => letIn)));
  }

  /** What is known so far. */
  report(): DiscoveryReport {
    const answered = [...this.#fresh, ...this.#mapping, ...this.#filters.map(({ first }) => first)].filter(
      ({ answer }) => answer !== null,
    );
    const { answers, shortestRttMs } = this.#inquiries;
    const hosts = answered.map(({ answer }) => answer!.mapped.address);
    return {
      nat: answers === 0 ? UNKNOWN_NAT : this.#nat(),
      udp: answers > 0 ? 'open' : this.#isOver && this.#options.servers.length > 0 ? 'blocked' : 'unknown',
      publicAddresses: [...new Set(hosts)],
      hairpin: this.#hairpinVerdict(),
      rttMs: shortestRttMs,
      tookMs: this.#tookMs,
    };
  }

  #nat() {
    const seen = this.#mapping.flatMap((inquiry): Seen[] => {
      const mapped = mappedText(inquiry);
      return mapped === null ? [] : [{ server: inquiry.to, mapped }];
    });
    const { localAddresses, localPorts } = this.#options;
    const own = localAddresses.map((address) => `${address}:${localPorts[MAPPING_SOCKET]}`);
    const fresh = this.#fresh.map(({ socket, answer }) => ({
      inside: localPorts[socket]!,
      outside: answer?.mapped.port ?? null,
    }));
    const others = seen.map(({ mapped }) => portOf(mapped));
    return {
      mapping: mappingOf(seen, own),
      filtering: this.#filtering,
      ports: portsOf(fresh, others),
    };
  }

  /** Where neither mapping nor filtering lets the packets of a hairpin be seen, silence says nothing. */
  #hairpinVerdict(): DiscoveryReport['hairpin'] {
    if (this.#didHairpin && this.#nat().mapping !== 'none') return 'yes';
    const { mapping } = this.#nat();
    const canShow = mapping === 'eim' || (mapping !== 'none' && this.#filtering === 'eif');
    const wasTried = this.#hairpins.length === 2 * HAIRPIN_ROUNDS;
    return canShow && wasTried ? 'no' : 'unknown';
  }
}

/** What one test has seen, the other one need not. */
function merged(all: readonly LetIn[]): LetIn {
  const any = (of: (one: LetIn) => boolean | null) => {
    const known = all.map(of).filter((value) => value !== null);
    return known.length === 0 ? null : known.includes(true);
  };
  return {
    otherPort: any(({ otherPort }) => otherPort),
    otherAddress: any(({ otherAddress }) => otherAddress),
  };
}
