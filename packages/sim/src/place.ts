import { addressIn, portIn } from './address-book.ts';
import type { Attachment } from './attachment.ts';
import type { Datagram } from './datagram.ts';
import type { LossModel } from './loss-model.ts';
import type { World } from './world.ts';

/**
 * A datagram that reaches the middle with fewer hops left dies there: the Internet has a dozen where the simulation has
 * none. As in the lab; a first packet meant to open one's own NAT only has 4 to 7.
 */
const INTERNET_HOPS = 12;

/** Where nodes are attached: the public segment, or the network inside a NAT. */
export abstract class Place {
  readonly #nodeByAddress = new Map<number, Attachment>();

  attach(address: number, node: Attachment): void {
    this.#nodeByAddress.set(address, node);
  }

  detach(address: number, node: Attachment): void {
    if (this.#nodeByAddress.get(address) === node) this.#nodeByAddress.delete(address);
  }

  nodeAt(address: number): Attachment | undefined {
    return this.#nodeByAddress.get(address);
  }

  /** The place that this one is reached through; null for the public segment. */
  abstract readonly outer: Place | null;
  /** What stands between the two. */
  abstract readonly gateway: Attachment | null;

  /** A datagram that one of its nodes has sent. */
  abstract handle(datagram: Datagram): void;
}

interface DropRule {
  from: Attachment | null;
  to: Attachment | null;
  port: number | undefined;
  aboveBytes: number | undefined;
  /** Without it, all that the rule is about vanishes. */
  loss: LossModel | null;
}

/** The public segment. Whatever is addressed to nobody vanishes there, private addresses too. */
export class Internet extends Place {
  readonly outer = null;
  readonly gateway = null;
  readonly #world: World;
  readonly #drops = new Set<DropRule>();

  constructor(world: World) {
    super();
    this.#world = world;
  }

  /** @returns takes the rule back */
  drop(rule: DropRule): () => void {
    this.#drops.add(rule);
    return () => this.#drops.delete(rule);
  }

  handle(datagram: Datagram): void {
    const target = this.nodeAt(addressIn(datagram.to));
    if (datagram.hopsLeft < INTERNET_HOPS) this.#world.end(datagram, 'hops');
    else if (target === undefined) this.#world.end(datagram, 'no-route');
    else if (this.#drops.size > 0 && this.#isDropped(datagram, target)) this.#world.end(datagram, 'dropped');
    else target.sendDown(datagram);
  }

  #isDropped(datagram: Datagram, target: Attachment): boolean {
    for (const { from, to, port, aboveBytes, loss } of this.#drops)
      if (
        (from === null || from === datagram.node) &&
        (to === null || to === target) &&
        (port === undefined || port === portIn(datagram.to)) &&
        (aboveBytes === undefined || datagram.bytes.length > aboveBytes) &&
        (loss === null || loss.next())
      )
        return true;
    return false;
  }
}
