import { AddressBook } from './address-book.ts';
import type { Attachment } from './attachment.ts';
import { type Datagram, FATES, type Fate } from './datagram.ts';
import { type Event, EventQueue } from './event-queue.ts';
import { Firewall } from './firewall.ts';
import { Host } from './host.ts';
import { LossModel } from './loss-model.ts';
import { Nat } from './nat.ts';
import { Internet, type Place } from './place.ts';
import { Random } from './random.ts';
import type { FirewallKind, HostSpec, LinkSpec, NatSpec } from './scenario.ts';

export type Counters = Record<Fate | 'sent', number>;

/** A line of the trace: when, what, and the endpoints as they were at that point. */
export interface TraceLine {
  atMs: number;
  what: Fate | 'sent';
  from: string;
  to: string;
  bytes: number;
}

type Named<T> = Omit<T, 'name' | 'behind'> & { name?: string; behind?: Nat };

/**
 * A network with a clock of its own. Everything that happens follows from the seed and from what is asked of it, in one
 * order. Life cycle: nodes, sockets and timers are made; `run` or `runUntil` lets time pass; in handlers, more is sent.
 */
export class World {
  readonly random: Random;
  readonly addresses = new AddressBook();
  readonly counters: Counters = Object.fromEntries(['sent', ...FATES].map((name) => [name, 0])) as Counters;
  trace: ((what: Fate | 'sent', datagram: Datagram) => void) | null = null;
  readonly #internet = new Internet(this);
  readonly #queue = new EventQueue();
  #nowMs = 0;

  constructor({ seed }: { seed: number }) {
    this.random = new Random(seed);
  }

  /** Milliseconds since the world was made, not whole ones. */
  get now(): number {
    return this.#nowMs;
  }

  /** Calls once at that time, or as soon as possible when it is past. @returns takes it back */
  at(ms: number, call: () => void): () => void {
    const timer = new Timer(call);
    this.#queue.add(Math.max(ms, this.#nowMs), timer);
    return () => timer.cancel();
  }

  /** Lets time pass up to and including this moment. */
  run(untilMs: number): void {
    while (this.#queue.nextAtMs <= untilMs) this.#step();
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Lets time pass until something is so, at most `limitMs` from now. @returns whether it became so */
  runUntil(isSo: () => boolean, limitMs: number): boolean {
    const untilMs = this.#nowMs + limitMs;
    while (!isSo()) {
      if (this.#queue.nextAtMs > untilMs) {
        this.#nowMs = untilMs;
        return false;
      }
      this.#step();
    }
    return true;
  }

  /** @throws SimError `bad-address` */
  host({ name, behind, ...spec }: Named<HostSpec>): Host {
    return new Host(this, name ?? spec.address, this.#inside(behind), spec);
  }

  /** @throws SimError `bad-address` or `bad-network` */
  nat({ name, behind, ...spec }: Named<NatSpec>): Nat {
    return new Nat(this, { name: name ?? spec.address, ...spec }, this.#inside(behind));
  }

  /** Gives the link between a node and whatever it stands behind another behaviour, from now on. */
  link(node: Attachment, spec: LinkSpec): void {
    node.setLink(spec);
  }

  /** A firewall on the way out of a host or NAT; null takes it away. */
  firewall(node: Attachment, kind: FirewallKind | null): void {
    node.firewall = kind === null ? null : new Firewall(kind);
  }

  /**
   * What goes from one public node to another vanishes in the middle, one way; a NAT stands for all behind it.
   * @param only destination port; payload size above which it does; mean share, and packets in a row, that do
   * @returns takes it back
   */
  drop(
    from: Attachment | 'any',
    to: Attachment | 'any',
    only: { port?: number; aboveBytes?: number; loss?: { lossPct: number; meanBurst?: number } } = {},
  ): () => void {
    const node = (end: Attachment | 'any') => (end === 'any' ? null : end);
    return this.#internet.drop({
      from: node(from),
      to: node(to),
      port: only.port,
      aboveBytes: only.aboveBytes,
      loss: only.loss === undefined ? null : new LossModel(only.loss, this.random),
    });
  }

  /** Moves a host behind another NAT, or without one to the public segment. */
  roam(host: Host, to: { address: string; address6?: string; behind?: Nat }): void {
    host.move(this.#inside(to.behind), to);
  }

  /** Keeps every line; for looking at a seed that failed. */
  startTrace(): readonly TraceLine[] {
    const lines: TraceLine[] = [];
    this.trace = (what, { from, to, bytes }) =>
      lines.push({
        atMs: this.#nowMs,
        what,
        from: this.addresses.textOf(from),
        to: this.addresses.textOf(to),
        bytes: bytes.length,
      });
    return lines;
  }

  /** For nodes: a datagram is at the end of its link at this time. */
  carry(datagram: Datagram, atMs: number): void {
    // At once where nobody could tell the difference; a host must not hear before its peer has finished sending.
    if (atMs <= this.#nowMs && (datagram.up || datagram.node instanceof Nat)) datagram.fire();
    else this.#queue.add(atMs, datagram);
  }

  /** For nodes: to a socket of the same host. */
  loopBack(datagram: Datagram, host: Host): void {
    [datagram.node, datagram.place, datagram.up] = [host, host.place, false];
    this.#queue.add(this.#nowMs, datagram);
  }

  /** For nodes: what became of a datagram. */
  end(datagram: Datagram, fate: Fate): void {
    this.counters[fate]++;
    this.trace?.(fate, datagram);
  }

  #step(): void {
    this.#nowMs = Math.max(this.#nowMs, this.#queue.nextAtMs);
    this.#queue.takeNext()?.fire();
  }

  #inside(nat: Nat | undefined): Place {
    return nat?.inside ?? this.#internet;
  }
}

class Timer implements Event {
  #call: (() => void) | null;

  constructor(call: () => void) {
    this.#call = call;
  }

  cancel(): void {
    this.#call = null;
  }

  fire(): void {
    this.#call?.();
  }
}
