import { createHmac } from 'node:crypto';
import {
  COOKIE_BYTES,
  fromBase64Url,
  type LinkMessage,
  readBindChallenge,
  type SupernodeMessage,
  writeBindRequest,
  writeMedia,
} from '@overcall/wire';
import { id43, person, World } from './control-world.test-support.ts';
import type { ListedNode } from './listed-nodes.ts';
import type { RelaySource } from './relay-flows.ts';
import type { RelayLimits } from './relay-limits.ts';

const hmacSha256 = (key: Uint8Array, bytes: Uint8Array) =>
  new Uint8Array(createHmac('sha256', key).update(bytes).digest());

export interface Softphone {
  name: string;
  at: string;
  connection: number;
  source: RelaySource;
}

/** What a softphone opens: by letters of supernodes, the first one where it is attached. */
export interface Route {
  receiveFlow: number;
  sendFlow: number;
  way: string;
}

/** Where a datagram has ended up; null when somebody dropped it. */
export interface Delivered {
  to: { address: string; port: number };
  datagram: Uint8Array;
  relays: string[];
}

/** Supernodes p, q, r... with perfect links and UDP between them, and softphones; all on one virtual clock. */
export class HopNetwork {
  readonly worlds = new Map<string, World>();
  readonly nodes: ListedNode[] = [];
  /** Links that cannot be had, e.g. `pq`. */
  readonly cut = new Set<string>();
  /** All that was said over links: from, to, message. */
  readonly said: { from: string; to: string; message: LinkMessage }[] = [];
  #requests = 0;

  constructor(letters: string, limits: Partial<RelayLimits> = {}) {
    [...letters].forEach((letter, index) => {
      this.worlds.set(letter, new World({ supernode: id43(letter), relay: limits, hmacSha256 }));
      this.nodes.push({ id: id43(letter), udp: [{ address: `192.0.2.${10 + index}`, port: 3478 }] });
    });
    this.list();
  }

  list(nodes: readonly ListedNode[] = this.nodes): void {
    for (const world of this.worlds.values()) world.list({ supernodes: nodes });
  }

  at(letter: string): World {
    return this.worlds.get(letter)!;
  }

  udpOf(letter: string): { address: string; port: number } {
    return this.nodes.find(({ id }) => id === id43(letter))!.udp[0]!;
  }

  attach(name: string, at: string, source: RelaySource): Softphone {
    return { name, at, connection: this.at(at).attach(name), source };
  }

  open(
    from: Softphone,
    peer: string,
    { receiveFlow, sendFlow, way }: Route,
    { confirmable = true } = {},
  ): number {
    const id = ++this.#requests;
    const next = [...way.slice(1)].map(id43);
    this.at(from.at).say(from.connection, {
      t: 'relay-open',
      id,
      peer: person(peer).who.identityKeyId,
      receiveFlow,
      sendFlow,
      confirmable,
      ...(next.length > 0 ? { next } : {}),
    });
    this.pump();
    return id;
  }

  close(from: Softphone, { receiveFlow, sendFlow }: Route): void {
    this.at(from.at).say(from.connection, { t: 'relay-close', receiveFlow, sendFlow });
    this.pump();
  }

  answerTo(from: Softphone, id: number): SupernodeMessage | undefined {
    return this.at(from.at)
      .messages(from.connection)
      .filter((message) => 'id' in message && message.id === id)
      .at(-1);
  }

  /** Says something over a link, as a supernode that lies may. */
  forge(from: string, to: string, message: LinkMessage): void {
    const world = this.at(to);
    world.follow(world.plane.handleLinkMessage(id43(from), message, world.nowMs));
    this.pump();
  }

  /** Delivers what supernodes have said to each other, until they are silent. */
  pump(): void {
    for (let round = 0; round < 100; round++) {
      this.check();
      const queued = [...this.worlds].flatMap(([from, { linked }]) =>
        linked.splice(0).map((each) => ({ from, ...each })),
      );
      if (queued.length === 0) return;
      for (const { from, to, message } of queued) this.carry(from, to[0]!, message);
    }
    throw new Error('supernodes never fall silent');
  }

  /** Checks signatures that somebody waits for. */
  protected check(): void {}

  protected carry(from: string, to: string, message: LinkMessage): void {
    const world = this.worlds.get(to);
    const own = this.at(from);
    if (!world || this.cut.has(from + to) || this.cut.has(to + from)) {
      own.follow(own.plane.handleLinkFailed(id43(to), message, 'no-link'));
      return;
    }
    this.said.push({ from, to, message });
    world.follow(world.plane.handleLinkMessage(id43(from), message, world.nowMs));
  }

  wait(ms: number): void {
    for (const world of this.worlds.values()) world.wait(ms);
    this.pump();
  }

  /** Binds the source of a softphone; false when it was not given a key. */
  bind(from: Softphone, id: number, { sendFlow: flowId }: Route): boolean {
    const opened = this.answerTo(from, id);
    if (opened?.t !== 'relay-opened') return false;
    const bindKey = fromBase64Url(opened.bindKey)!;
    const { relay, nowMs } = this.at(from.at);
    const send = (sequence: bigint, cookie: Uint8Array) =>
      relay.handleDatagram(
        from.source,
        writeBindRequest({ flowId, sequence, cookie }, (bytes) => hmacSha256(bindKey, bytes)),
        nowMs,
      );
    const first = send(1n, new Uint8Array(COOKIE_BYTES));
    const challenge = first.kind === 'reply' ? readBindChallenge(first.datagram) : null;
    return challenge !== null && send(2n, challenge.cookie).kind === 'reply';
  }

  /** Sends a datagram to a supernode from anywhere, and follows it to where it ends. */
  send(from: RelaySource, at: string, datagram: Uint8Array): Delivered | null {
    const relays: string[] = [];
    let source = from;
    for (let letter: string | undefined = at; letter !== undefined; ) {
      const world = this.at(letter);
      const result = world.relay.handleDatagram(source, datagram, world.nowMs);
      if (result.kind !== 'forward') return null;
      relays.push(letter);
      if (relays.length > 10) throw new Error('a datagram goes in circles');
      const { address, port } = result.to;
      source = { ...this.udpOf(letter), socket: 0 };
      letter = [...this.worlds.keys()].find(
        (each) => this.udpOf(each).address === address && this.udpOf(each).port === port,
      );
      if (letter === undefined) return { to: { address, port }, datagram: result.datagram, relays };
    }
    return null;
  }

  /** All that the tables hold: allocations, opens that wait, overlay flows. */
  held(): number[] {
    return [...this.worlds.values()].flatMap(({ relay }) => [relay.allocations, relay.pending]);
  }
}

export const media = (flow: number, fill = 3) => writeMedia(flow, 7, new Uint8Array(60).fill(fill));
export const at = (address: string, port: number): RelaySource => ({ address, port, socket: 0 });
