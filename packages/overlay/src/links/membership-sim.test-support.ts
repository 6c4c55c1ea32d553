import { EventQueue, Random } from '@overcall/sim';
import { DEAD_AFTER_MS, HANDSHAKE_TIMEOUT_MS } from './link-limits.ts';
import { idOf } from './links-world.test-support.ts';
import { Membership, type MembershipOutput } from './membership.ts';

/** Bytes of IPv4 and UDP, and of IPv4, TCP with timestamps, TLS 1.3 and a masked WebSocket frame, around a message. */
const UDP_BYTES = 28;
const LINK_BYTES = 20 + 32 + 22 + 8;
/** STUN Binding request, and the answer with XOR-MAPPED-ADDRESS and RESPONSE-ORIGIN. */
const REQUEST_BYTES = 20 + UDP_BYTES;
const ANSWER_BYTES = 44 + UDP_BYTES;
/** A ping and a pong, each acknowledged, within 1.25 s: see Links. */
const LIVENESS_BYTES_PER_S = (2 * (25 + LINK_BYTES) + 2 * 52) / 1.25;

export interface SimNode {
  index: number;
  membership: Membership;
  isUp: boolean;
  dead: Set<string>;
  /** Supernodes that hold a link to this one because they want it. */
  wantedBy: Set<number>;
  wants: ReadonlySet<string>;
  bytes: number;
  messages: number;
  position: [x: number, y: number, accessMs: number];
}

/** Many supernodes on a virtual clock, with links that come up at once and break when one end has died. */
export class MembershipSim {
  nowMs = 0;
  readonly nodes: SimNode[] = [];
  readonly random: Random;
  lossOf: (a: SimNode, b: SimNode) => number = () => 0;
  readonly #queue = new EventQueue();

  constructor(count: number, seed: number) {
    this.random = new Random(seed);
    for (let index = 0; index < count; index++) this.nodes.push(this.#node(index));
    const all = this.nodes.map(({ index }) => idOf(index));
    for (const node of this.nodes) {
      const others = new Set(all);
      others.delete(idOf(node.index));
      // They do not all start in the same moment.
      this.#after(this.random.fraction() * 1000, () =>
        this.#follow(node, node.membership.handleList(others, this.nowMs)),
      );
    }
  }

  #node(index: number): SimNode {
    const { random } = this;
    const node = {
      index,
      isUp: true,
      dead: new Set<string>(),
      wantedBy: new Set<number>(),
      bytes: 0,
      messages: 0,
    };
    const position: SimNode['position'] = [
      random.fraction() * 150,
      random.fraction() * 100,
      1 + random.fraction() * 5,
    ];
    const whole: SimNode = { ...node, position, wants: new Set(), membership: null as never };
    whole.membership = new Membership(
      {
        supernode: idOf(index),
        random: () => random.fraction(),
        randomBytes: (length) => {
          const bytes = new Uint8Array(length);
          const view = new DataView(bytes.buffer);
          for (let at = 0; at + 4 <= length; at += 4) view.setUint32(at, random.uint32());
          return bytes;
        },
        isAlive: (id) => !whole.dead.has(id),
        linked: () => this.linked(whole),
        dateMs: () => this.nowMs,
      },
      0,
    );
    return whole;
  }

  of(id: string): SimNode {
    return this.nodes[Number(id)]!;
  }

  rttMs(a: SimNode, b: SimNode): number {
    const [dx, dy] = [a.position[0] - b.position[0], a.position[1] - b.position[1]];
    return Math.hypot(dx, dy) + a.position[2] + b.position[2];
  }

  linked(node: SimNode): string[] {
    const links = new Set<string>();
    for (const id of node.wants) if (!node.dead.has(id) && this.of(id).isUp) links.add(id);
    for (const index of node.wantedBy) {
      const other = this.nodes[index]!;
      if (other.isUp && other.wants.has(idOf(node.index)) && !other.dead.has(idOf(node.index)))
        links.add(idOf(index));
    }
    return [...links];
  }

  #follow(node: SimNode, outputs: readonly MembershipOutput[]): void {
    if (!node.isUp) return;
    for (const output of outputs) this.#followOne(node, output);
    const atMs = node.membership.nextDeadline;
    if (atMs !== null && !this.#awake.has(node)) {
      this.#awake.add(node);
      this.#after(atMs - this.nowMs, () => {
        this.#awake.delete(node);
        if (node.isUp) this.#follow(node, node.membership.handleTimeout(this.nowMs));
      });
    }
  }

  readonly #awake = new Set<SimNode>();

  #followOne(node: SimNode, output: MembershipOutput): void {
    if (output.kind === 'probe') {
      const other = this.of(output.to);
      node.bytes += REQUEST_BYTES;
      if (this.random.happens(this.lossOf(node, other))) return;
      other.bytes += REQUEST_BYTES;
      if (!other.isUp) return;
      other.bytes += ANSWER_BYTES;
      this.#after(this.rttMs(node, other), () => {
        if (this.random.happens(this.lossOf(other, node))) return;
        node.bytes += ANSWER_BYTES;
        this.#follow(node, node.membership.handleAnswer(output.transaction, this.nowMs) ?? []);
      });
    } else if (output.kind === 'want') {
      for (const id of output.supernodes) if (!node.wants.has(id)) this.#connect(node, this.of(id));
      node.wants = output.supernodes;
    } else if (output.kind === 'back') {
      node.dead.delete(output.supernode);
    } else if (output.message.t === 'measurements') {
      const [other, row] = [this.of(output.to), output.message];
      const bytes = JSON.stringify(row).length + LINK_BYTES;
      node.bytes += bytes;
      other.bytes += bytes;
      node.messages++;
      if (other.isUp)
        this.#after(this.rttMs(node, other) / 2, () =>
          other.membership.handleRow(idOf(node.index), row, this.nowMs),
        );
    }
  }

  #connect(node: SimNode, other: SimNode): void {
    if (other.isUp) other.wantedBy.add(node.index);
    else this.#after(HANDSHAKE_TIMEOUT_MS, () => this.#lose(node, other));
  }

  #lose(node: SimNode, other: SimNode): void {
    if (!node.isUp || other.isUp) return;
    node.dead.add(idOf(other.index));
    node.membership.handleDown(idOf(other.index), this.nowMs);
  }

  /** The hosts of these are gone, without a word. */
  kill(nodes: readonly SimNode[]): void {
    const links = nodes.map((node) => [node, this.linked(node)] as const);
    for (const node of nodes) node.isUp = false;
    for (const [node, peers] of links)
      for (const id of peers) this.#after(DEAD_AFTER_MS, () => this.#lose(this.of(id), node));
  }

  revive(node: SimNode): void {
    node.isUp = true;
    this.#follow(node, node.membership.handleTimeout(this.nowMs));
  }

  #after(ms: number, fire: () => void): void {
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

  get living(): SimNode[] {
    return this.nodes.filter(({ isUp }) => isUp);
  }

  /** Of the supernodes that are up, how many the biggest part of the graph of links holds, 0 to 1. */
  connectedShare(): number {
    const seen = new Set<number>();
    let biggest = 0;
    for (const start of this.living) {
      if (seen.has(start.index)) continue;
      const part = [start];
      seen.add(start.index);
      for (const node of part)
        for (const id of this.linked(node))
          if (!seen.has(Number(id))) {
            seen.add(Number(id));
            part.push(this.of(id));
          }
      biggest = Math.max(biggest, part.length);
    }
    return biggest / this.living.length;
  }

  /** Bytes a second of the busiest and the middle supernode since `resetBytes`, both directions together. */
  traffic(overMs: number): { most: number; median: number } {
    const all = this.living
      .map((node) => node.bytes / (overMs / 1000) + this.linked(node).length * LIVENESS_BYTES_PER_S)
      .sort((a, b) => a - b);
    return { most: all.at(-1)!, median: all[all.length >> 1]! };
  }

  resetBytes(): void {
    for (const node of this.nodes) node.bytes = 0;
  }
}
