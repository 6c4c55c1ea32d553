import {
  type CandidateMessage,
  mayCheckHost,
  type NatBehaviour,
  PathAgent,
  type PathOutput,
} from '@overcall/traversal';
import { plainCipher } from '@overcall/traversal/testing';
import { CHECK_HEADER_BYTES, DatagramType } from '@overcall/wire';
import { addressIn, portIn } from './address-book.ts';
import type { Host, Socket } from './host.ts';
import { Random } from './random.ts';
import { OTHER, ServerWord, type Side, type SimulatedRelay } from './simulated-relay.test-support.ts';
import { SimulatedRoute } from './simulated-route.test-support.ts';
import type { World } from './world.ts';

export const FRAME_MS = 20;
const RETRY_MS = 100;
const MAX_RETRIES = 20;
/** As media-session.ts does. */
const REPEATED_PACKETS = 8;
/** How long servers are asked before the call goes on with what is known, ms; whoever's NAT is a cone needs less. */
const DISCOVERY_LIMIT_MS = 1000;
const DISCOVERY_INTERVAL_MS = 50;
/** From a softphone to its supernode and back, ms. */
const CONTROL_MS = 80;
/** Numbers of sockets: of ordinary checks by family, then those opened for guessing. */
const FIRST_FRESH_SOCKET = 2;
/** As many sockets as a softphone may ever open at once. */
const MAX_FRESH_SOCKETS = 256;
const MEDIA_BYTES = 80;
/** RFC 3550, 6.4.1. */
const JITTER_GAIN = 1 / 16;
const MAX_CHECKS = 10;
/** First byte of a ping (wire/check.ts), which {@link plainCipher} leaves as it is. */
const PING = 1;
/** More timeouts than that in a second are a busy loop. */
const MAX_TIMEOUTS_PER_S = 200;

/** Frames that were said, and packets that they became. */
export interface SentCount {
  frames: number;
  packets: number;
}

export interface SoftphoneOptions {
  side: Side;
  world: World;
  host: Host;
  /** The network it is in, 192.168.1.0/24: private addresses elsewhere may not be checked. */
  network: string;
  seed: number;
  /** The first one is there from the beginning, and asked about addresses; the others come right after. */
  relays: readonly SimulatedRelay[];
  /** The peer may learn our addresses: there may be direct paths. */
  mayGoDirect: boolean;
  /** Host that tells addresses besides the relay. */
  secondServer: string;
  /** What discovery would find, given a port at which a server has seen us. */
  natOf: (seenPort: number) => NatBehaviour;
  /** UDP leads nowhere: the relay is reached by a connection. */
  isUdpBlocked: boolean;
  tell: (message: CandidateMessage) => void;
}

/** A path agent on a simulated host, with the sockets, servers and audio that a softphone has around it. */
export class SimulatedSoftphone {
  readonly agent: PathAgent;
  /** What must never happen, and did. */
  readonly faults: string[] = [];
  readonly switches: { atMs: number; kind: string; remote: string; reason: string }[] = [];
  /** Frame numbers, with the time of the first copy. */
  readonly heard = new Map<number, number>();
  readonly sent: SentCount = { frames: 0, packets: 0 };
  toldAtMs = 0;
  exposedAtMs = Number.POSITIVE_INFINITY;
  readonly #options: SoftphoneOptions;
  readonly #socket: Socket;
  readonly #routes: SimulatedRoute[];
  readonly #fresh = new Map<number, Socket>();
  #nextSocket = FIRST_FRESH_SOCKET;
  #network: string;
  /** Answers of {@link mayCheckHost}, which is asked for every datagram, and a spray goes to 2,048 ports of one address. */
  readonly #checkable = new Map<number, boolean>();
  readonly #heardFrom = new Set<string>();
  readonly #checksTo = new Map<string, number>();
  /** When each server last said where it sees us. */
  readonly #answered = new Map<string, number>();
  readonly #seenAs = new Map<string, string>();
  readonly #recent: number[] = [];
  #jitter: { ms: number; transitMs: number } | null = null;
  #armedAtMs = Number.POSITIVE_INFINITY;
  #disarm = (): void => {};
  #timeouts: { sinceMs: number; count: number } = { sinceMs: 0, count: 0 };

  constructor(options: SoftphoneOptions) {
    this.#options = options;
    const { side, host, seed } = options;
    const [own, peer] = side === 'alice' ? [1, 2] : [2, 1];
    const random = new Random(seed ^ (own * 0x5bd1e995));
    this.#network = options.network;
    this.agent = new PathAgent({
      cipher: plainCipher(own, peer),
      random: (count) => {
        const bytes = new Uint8Array(count);
        for (let at = 0; at < count; at++) bytes[at] = random.below(256);
        return bytes;
      },
      receiveFlow: own,
      mayCheck: (address) => this.#mayCheck(address),
    });
    this.#socket = host.bind();
    this.#socket.onDatagram = (bytes, from) =>
      this.#handleDatagram(from.startsWith('[') ? 1 : 0, bytes, from);
    const { world, isUdpBlocked } = options;
    this.#routes = options.relays.map(
      (relay) =>
        new SimulatedRoute({
          ...{ world, side, relay, agent: this.agent, socket: this.#socket, isUdpBlocked },
          onDatagram: (bytes, from) => this.#handleDatagram(0, bytes, from),
          onChange: () => this.#after(),
        }),
    );
  }

  get #relay(): SimulatedRelay {
    return this.#options.relays[0]!;
  }

  /** Whether every route is. */
  get isBound(): boolean {
    return this.#routes.every((route) => route.isBound);
  }

  #routeTo(address: string): SimulatedRoute | undefined {
    return this.#routes.find(({ relay }) => relay.address === address);
  }

  get #now(): number {
    return this.#options.world.now;
  }

  #mayCheck(address: string): boolean {
    const { addresses } = this.#options.world;
    const endpoint = addresses.endpoint(address);
    const id = addressIn(endpoint);
    let may = this.#checkable.get(id);
    if (may === undefined) {
      may = mayCheckHost(addresses.addressOf(id), [this.#network]);
      this.#checkable.set(id, may);
    }
    return may && portIn(endpoint) > 0;
  }

  get #servers(): string[] {
    return [this.#relay.address, this.#options.secondServer];
  }

  /** Sockets, candidates and relay. */
  start(): void {
    const { agent } = this;
    agent.addSocket({ id: 0, family: 'ipv4' }, this.#now);
    if (this.#options.host.addresses.some((address) => address.includes(':')))
      agent.addSocket({ id: 1, family: 'ipv6' }, this.#now);
    this.#tellCandidates();
    for (const route of this.#routes) route.start();
    this.#askServers();
    this.#exposeWhenKnown(this.#now + DISCOVERY_LIMIT_MS);
    this.#after();
  }

  /** A softphone asks servers when it starts, long before a call. */
  #exposeWhenKnown(latestMs: number): void {
    const { world, natOf, mayGoDirect } = this.#options;
    if (!mayGoDirect) return;
    if (this.#answered.size < this.#servers.length && this.#now < latestMs) {
      world.at(this.#now + DISCOVERY_INTERVAL_MS, () => this.#exposeWhenKnown(latestMs));
      return;
    }
    const seen = this.#seenAs.get(this.#relay.address);
    if (seen !== undefined) this.agent.setNat(natOf(Number(seen.split(':').at(-1))), this.#now);
    this.exposedAtMs = this.#now;
    this.agent.expose(this.#now);
    this.#after();
  }

  #tellCandidates(): void {
    const hosts = this.#socket.locals.map((address) => ({ kind: 'host' as const, address }));
    const seen = [...new Set(this.#seenAs.values())].map((address) => ({
      kind: 'server-reflexive' as const,
      address,
    }));
    this.agent.setCandidates([...hosts, ...seen]);
  }

  /** This machine has moved. */
  handleNetworkChange(network: string): void {
    this.#network = network;
    this.#checkable.clear();
    this.#seenAs.clear();
    this.#checksTo.clear(); // counted for each network that we are in
    this.#tellCandidates();
    for (const route of this.#routes) route.handleNetworkChange();
    this.#askServers();
    this.agent.handleNetworkChange(this.#now);
    this.#after();
  }

  #askServers(): void {
    for (const server of this.#servers) this.#ask(server, 0);
  }

  #ask(server: string, retry: number, sinceMs = this.#now): void {
    if (retry >= MAX_RETRIES || (this.#answered.get(server) ?? -1) > sinceMs) return;
    this.#socket.send(server, new Uint8Array([ServerWord.WhoAmI]));
    this.#options.world.at(this.#now + RETRY_MS * 2 ** retry, () => this.#ask(server, retry + 1, sinceMs));
  }

  handleTold(message: CandidateMessage): void {
    this.toldAtMs = this.#now;
    this.agent.handleTold(message, this.#now);
    this.#after();
  }

  talk(): void {
    this.agent.talk(this.#now);
    this.#after();
    this.#sayFrame();
  }

  #sayFrame(): void {
    const frame = this.sent.frames++;
    this.#recent.push(frame);
    if (this.#recent.length > REPEATED_PACKETS) this.#recent.shift();
    for (const path of this.agent.routes(this.#now)) this.#carry(path, frame);
    this.#after();
    this.#options.world.at(this.#now + FRAME_MS, () => this.#sayFrame());
  }

  #carry(path: PathOf, frame: number): void {
    const datagram = new Uint8Array(MEDIA_BYTES);
    const view = new DataView(datagram.buffer);
    view.setUint8(0, DatagramType.Media);
    view.setUint32(1, this.agent.flowOf(path)!);
    view.setUint32(5, frame);
    view.setFloat64(9, this.#now);
    this.agent.noteSent(path);
    this.sent.packets++;
    this.#send(path.socket, path.remote, datagram);
  }

  #send(socket: number, to: string, datagram: Uint8Array, hopLimit?: number): void {
    const route = this.#routeTo(to);
    if (route?.sendByConnection(datagram)) return;
    if (route === undefined && !this.#mayCheck(to))
      this.faults.push(`sent to ${to}, which may not be checked`);
    const sender = socket < FIRST_FRESH_SOCKET ? this.#socket : this.#fresh.get(socket);
    if (sender === undefined) this.faults.push(`sent from closed socket ${socket}`);
    sender?.send(to, datagram, hopLimit === undefined ? {} : { ttl: hopLimit });
  }

  #handleDatagram(socket: number, bytes: Uint8Array, from: string): void {
    const type = bytes[0];
    if (type === ServerWord.Seen && socket >= FIRST_FRESH_SOCKET) {
      this.agent.handleMeasured(new TextDecoder().decode(bytes.subarray(1)), this.#now);
    } else if (type === ServerWord.Seen) {
      this.#answered.set(from, this.#now);
      const address = new TextDecoder().decode(bytes.subarray(1));
      this.#seenAs.set(from, address);
      this.#tellCandidates();
    } else if (type === ServerWord.Challenge || type === ServerWord.Bound)
      this.#routeTo(from)?.handleServerWord(bytes);
    else {
      this.#heardFrom.add(from);
      if (type === DatagramType.Check) this.agent.handleCheck(socket, from, bytes, this.#now);
      else this.#handleMedia(socket, from, bytes);
    }
    this.#after();
  }

  #handleMedia(socket: number, from: string, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer);
    const [flow, frame] = [view.getUint32(1), view.getUint32(5)];
    if (this.heard.has(frame)) {
      this.agent.handleCopy(flow, socket, from, this.#now);
      return;
    }
    this.heard.set(frame, this.#now);
    const transitMs = this.#now - view.getFloat64(9);
    const before = this.#jitter ?? { ms: 0, transitMs };
    const ms = before.ms + (Math.abs(transitMs - before.transitMs) - before.ms) * JITTER_GAIN;
    this.#jitter = { ms, transitMs };
    this.agent.handleMedia(flow, socket, from, ms, this.#now);
  }

  /** Carries out what the agent says, and sets the timer it asks for. */
  #after(): void {
    for (const output of this.agent.poll()) this.#carryOut(output);
    const { deadline } = this.agent;
    if (deadline >= this.#armedAtMs || deadline === Number.POSITIVE_INFINITY) return;
    this.#disarm();
    this.#armedAtMs = deadline;
    this.#disarm = this.#options.world.at(deadline, () => this.#handleTimer());
  }

  #handleTimer(): void {
    this.#armedAtMs = Number.POSITIVE_INFINITY;
    if (this.agent.deadline <= this.#now) {
      this.#countTimeout();
      this.agent.handleTimeout(this.#now);
      if (this.agent.deadline <= this.#now) {
        this.faults.push(`deadline ${this.agent.deadline} is not after the timeout at ${this.#now}`);
        return;
      }
    }
    this.#after();
  }

  #countTimeout(): void {
    const recent = this.#timeouts;
    if (this.#now >= recent.sinceMs + 1000) this.#timeouts = { sinceMs: this.#now, count: 1 };
    else if (++recent.count === MAX_TIMEOUTS_PER_S) this.faults.push(`busy loop at ${this.#now}`);
  }

  #carryOut(output: PathOutput): void {
    if (output.type === 'tell') this.#options.tell(output.message);
    else if (output.type === 'repeat') for (const frame of this.#recent) this.#carry(output.path, frame);
    else if (output.type === 'gather') this.#askServers();
    else if (output.type === 'open-sockets') this.#openSockets(output.count);
    else if (output.type === 'close-sockets') for (const socket of output.sockets) this.#closeSocket(socket);
    else if (output.type === 'measure') this.#measure(output.socket, 0);
    else if (output.type === 'confirm') this.#confirm(output.address);
    else if (output.type === 'path') {
      const { kind, remote } = output.path;
      this.switches.push({ atMs: this.#now, kind, remote, reason: output.reason });
    } else {
      this.#countCheck(output.to, output.datagram, output.hopLimit);
      this.#send(output.socket, output.to, output.datagram, output.hopLimit);
    }
  }

  #openSockets(count: number): void {
    const opened = Array.from({ length: count }, () => {
      const number = this.#nextSocket++;
      const socket = this.#options.host.bind();
      socket.onDatagram = (bytes, from) => this.#handleDatagram(number, bytes, from);
      this.#fresh.set(number, socket);
      return { socket: number, localPort: socket.port };
    });
    if (this.#fresh.size > MAX_FRESH_SOCKETS) this.faults.push(`${this.#fresh.size} sockets for guessing`);
    this.#options.world.at(this.#now, () => {
      this.agent.handleOpened(opened, this.#now);
      this.#after();
    });
  }

  #closeSocket(number: number): void {
    this.#fresh.get(number)?.close();
    this.#fresh.delete(number);
  }

  #measure(number: number, retry: number): void {
    const socket = this.#fresh.get(number);
    if (socket === undefined || retry >= MAX_RETRIES) return;
    socket.send(this.#relay.address, new Uint8Array([ServerWord.WhoAmI]));
    this.#options.world.at(this.#now + RETRY_MS * 2 ** retry, () => this.#measure(number, retry + 1));
  }

  #confirm(address: string): void {
    const { side, world } = this.#options;
    world.at(this.#now + CONTROL_MS, () => {
      this.agent.handleConfirmed(address, this.#relay.isBoundFrom(OTHER[side], address), this.#now);
      this.#after();
    });
  }

  #countCheck(to: string, datagram: Uint8Array, hopLimit: number | undefined): void {
    if (hopLimit !== undefined || this.#routeTo(to) !== undefined || this.#heardFrom.has(to)) return;
    if (datagram[CHECK_HEADER_BYTES] !== PING) return;
    const count = (this.#checksTo.get(to) ?? 0) + 1;
    this.#checksTo.set(to, count);
    if (count === MAX_CHECKS + 1) this.faults.push(`more than ${MAX_CHECKS} checks to silent ${to}`);
  }
}

type PathOf = Parameters<PathAgent['noteSent']>[0];
