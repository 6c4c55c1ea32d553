import { EventQueue, Random } from '@overcall/sim';
import type { LinkMessage } from '@overcall/wire';
import { Links } from './links.ts';
import type { LinkClose, LinkOutput } from './links-types.ts';

/** Key ids of test supernodes: their number, so that they sort like it. */
export const idOf = (index: number): string => String(index).padStart(43, '0');

const encode = (text: string): string => text.replaceAll(/[^A-Za-z0-9_-]/g, '_');

/** Stands for a signature: everybody can make it, and it says who is meant to have made it. */
export const fakeProof = (iss: string, audience: string, ownNonce: string, otherNonce: string): string =>
  `${encode(iss)}.${encode(audience)}.${encode(ownNonce + otherNonce)}`;

interface End {
  node: TestNode;
  link: number;
  other: End | null;
  isOpen: boolean;
  /** Somebody who is no supernode listens here. */
  sink?: (text: string) => void;
}

/** A supernode with its links, and everything that came out of them. */
export class TestNode {
  readonly id: string;
  readonly links: Links;
  readonly world: LinksWorld;
  readonly ends = new Map<number, End>();
  readonly received: { from: string; message: LinkMessage }[] = [];
  readonly failed: { to: string; message: LinkMessage; code: string }[] = [];
  readonly events: string[] = [];
  /** Callers who are in no list. */
  unknown = 0;
  isRunning = true;
  dials = 0;
  readonly backlog = new Map<number, number>();

  constructor(world: LinksWorld, id: string) {
    this.world = world;
    this.id = id;
    let nonces = 0;
    const options = {
      supernode: id,
      random: () => world.random.fraction(),
      randomBytes: (length: number) => {
        const bytes = new Uint8Array(length);
        new DataView(bytes.buffer).setUint32(0, ++nonces);
        new DataView(bytes.buffer).setUint32(4, world.random.uint32());
        return bytes;
      },
      backlogBytes: (link: number) => this.backlog.get(link) ?? 0,
    };
    this.links = new Links(options, world.nowMs);
  }

  follow(outputs: LinkOutput[]): void {
    if (!this.isRunning) return;
    for (const output of outputs) this.#followOne(output);
    this.world.wakeAt(this, this.links.nextDeadline);
  }

  #followOne(output: LinkOutput): void {
    const { world, links, id } = this;
    if (output.kind === 'dial') {
      this.dials++;
      world.dial(this, output.link, output.to);
    } else if (output.kind === 'send') {
      world.send(this.ends.get(output.link), JSON.stringify(output.message));
    } else if (output.kind === 'close') {
      world.close(this.ends.get(output.link), output.why);
    } else if (output.kind === 'sign-join') {
      const proof = fakeProof(id, output.audience, output.ownNonce, output.otherNonce);
      this.follow(links.handleSigned(output.link, proof, world.nowMs));
    } else if (output.kind === 'check-join') {
      const expected = fakeProof(output.from, id, output.theirNonce, output.ourNonce);
      const isGood = output.proof === expected;
      const finish = () => this.follow(links.handleJoinChecked(output.link, isGood, world.nowMs));
      if (world.checkMs === 0) finish();
      else world.after(world.checkMs, finish);
    } else if (output.kind === 'message') {
      this.received.push(output);
    } else if (output.kind === 'failed') {
      this.failed.push(output);
    } else if (output.kind === 'unknown') {
      this.unknown++;
    } else {
      this.events.push(`${output.kind} ${Number(output.supernode)}`);
    }
  }

  deliver(to: TestNode, text = 'x'): void {
    this.follow(this.links.deliver(to.id, pinged(text), this.world.nowMs));
  }

  want(...nodes: TestNode[]): void {
    this.follow(this.links.setWanted(new Set(nodes.map(({ id }) => id)), this.world.nowMs));
  }
}

/** A message that is told apart by `text`. */
export const pinged = (text: string): LinkMessage => ({
  t: 'signal-failed',
  to: { device: idOf(1), endpoint: 'e'.repeat(22) },
  from: { device: idOf(2), endpoint: 'e'.repeat(22) },
  callId: 'c'.repeat(22),
  code: text,
});

/** Supernodes, the connections between them, one clock. */
export class LinksWorld {
  nowMs = 0;
  readonly random: Random;
  readonly nodes: TestNode[] = [];
  readonly oneWayMs = 20;
  /** How long the check of a proof takes. */
  checkMs = 0;
  /** Pairs that reach each other: all, until a test says otherwise. */
  isCut: (a: TestNode, b: TestNode) => boolean = () => false;
  readonly #queue = new EventQueue();
  readonly #wakes = new Map<TestNode, number>();

  constructor(count: number, seed = 1) {
    this.random = new Random(seed);
    for (let index = 0; index < count; index++) this.nodes.push(new TestNode(this, idOf(index)));
    this.list(this.nodes);
  }

  list(nodes: readonly TestNode[]): void {
    for (const node of this.nodes) {
      const others = new Set(nodes.filter((other) => other !== node).map(({ id }) => id));
      node.follow(node.links.handleList(others, this.nowMs));
    }
  }

  /** The process is gone; its kernel tells everybody, or (with the host) nobody. */
  kill(node: TestNode, how: 'process' | 'host'): void {
    node.isRunning = false;
    for (const end of node.ends.values()) if (how === 'process') this.#end(end.other, 'broken');
    node.ends.clear();
  }

  /** A new process with the same key. */
  restart(node: TestNode): TestNode {
    const fresh = new TestNode(this, node.id);
    this.nodes[this.nodes.indexOf(node)] = fresh;
    this.list(this.nodes);
    return fresh;
  }

  dial(from: TestNode, link: number, id: string): void {
    const end: End = { node: from, link, other: null, isOpen: true };
    from.ends.set(link, end);
    // TCP and TLS take two round trips.
    this.after(4 * this.oneWayMs, () => {
      const to = this.nodes.find((node) => node.id === id);
      if (!to || !end.isOpen || this.isCut(from, to)) return;
      if (!to.isRunning) {
        this.#end(end, 'broken');
        return;
      }
      const { link: number, outputs } = to.links.accept(this.nowMs);
      const other: End = { node: to, link: number, other: end, isOpen: true };
      end.other = other;
      to.ends.set(number, other);
      to.follow(outputs);
      from.follow(from.links.handleOpened(link));
    });
  }

  send(end: End | undefined, text: string): void {
    const other = end?.other;
    if (!end?.isOpen || !other) return;
    if (other.sink) {
      other.sink(text);
      return;
    }
    this.after(this.oneWayMs, () => {
      if (!other.isOpen || !other.node.isRunning || this.isCut(end.node, other.node)) return;
      other.node.follow(other.node.links.handleText(other.link, text, this.nowMs));
    });
  }

  close(end: End | undefined, why: LinkClose): void {
    if (!end) return;
    end.isOpen = false;
    end.node.ends.delete(end.link);
    this.#end(end.other, why === 'normal' ? 'normal' : 'refused');
  }

  #end(end: End | null, how: 'normal' | 'refused' | 'broken'): void {
    if (!end) return;
    this.after(this.oneWayMs, () => {
      if (!end.isOpen || (end.other && this.isCut(end.node, end.other.node))) return;
      end.isOpen = false;
      end.node.ends.delete(end.link);
      end.node.follow(end.node.links.handleDisconnect(end.link, how, this.nowMs));
    });
  }

  /** A connection of a stranger, who gets what is said on it. */
  stranger(to: TestNode): {
    link: number;
    said: LinkMessage[];
    say: (message: LinkMessage | string) => void;
  } {
    const said: LinkMessage[] = [];
    const { link, outputs } = to.links.accept(this.nowMs);
    const end: End = { node: to, link, other: null, isOpen: true };
    const sink = (text: string) => said.push(JSON.parse(text));
    end.other = { node: to, link: -1, other: end, isOpen: false, sink };
    to.ends.set(link, end);
    to.follow(outputs);
    const textOf = (message: LinkMessage | string) =>
      typeof message === 'string' ? message : JSON.stringify(message);
    const say = (message: LinkMessage | string) =>
      to.follow(to.links.handleText(link, textOf(message), this.nowMs));
    return { link, said, say };
  }

  wakeAt(node: TestNode, atMs: number | null): void {
    if (atMs === null || this.#wakes.get(node) === atMs) return;
    this.#wakes.set(node, atMs);
    this.#queue.add(atMs, {
      fire: () => {
        if (this.#wakes.get(node) !== atMs || !node.isRunning) return;
        this.#wakes.delete(node);
        node.follow(node.links.handleTimeout(this.nowMs));
      },
    });
  }

  after(ms: number, fire: () => void): void {
    this.#queue.add(this.nowMs + ms, { fire });
  }

  run(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.#queue.nextAtMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.#queue.nextAtMs);
      this.#queue.takeNext()!.fire();
    }
    this.nowMs = endMs;
  }
}
