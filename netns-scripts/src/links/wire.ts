import { directionsOf } from './directions.ts';
import { ETHERNET_HEADER, flowOf, isNeighbourDiscovery } from './frame.ts';
import { LinkShaper } from './link-shaper.ts';
import type { Link, LinkDirection } from './link-spec.ts';

/** The two interfaces between which the shaper stands, and the link that it plays. */
export interface Wire {
  node: string;
  /** Index of the interface whose other end the node has. */
  nodeSide: number;
  /** Index of the interface whose other end the middle has. */
  farSide: number;
  link: Link;
}

interface Way {
  to: number;
  shaper: LinkShaper;
}

/** Every wire of a lab, by the interfaces that its frames come in at. */
export class Wires {
  readonly #wayByInterface = new Map<number, Way>();
  readonly #wireByNode = new Map<string, Wire>();
  readonly #random: () => number;

  constructor(wires: readonly Wire[], random: () => number) {
    this.#random = random;
    for (const wire of wires) {
      this.#wireByNode.set(wire.node, wire);
      this.setLink(wire.node, wire.link);
    }
  }

  /** From now on the link is another one, with empty queues; what waited in the old one leaves when it would have. */
  setLink(node: string, link: Link): void {
    const wire = this.#wireByNode.get(node);
    if (wire === undefined) throw new Error(`"${node}" has no link`);
    const { up, down } = directionsOf(link);
    const way = (to: number, direction: LinkDirection): Way => ({
      to,
      shaper: new LinkShaper(direction, this.#random),
    });
    this.#wayByInterface.set(wire.nodeSide, way(wire.farSide, up));
    this.#wayByInterface.set(wire.farSide, way(wire.nodeSide, down));
  }

  /** Where a frame goes to, and when; null when it came from elsewhere. */
  handleFrame(
    frame: Buffer,
    interfaceIndex: number,
    nowMs: number,
  ): { to: number; departuresMs: readonly number[] } | null {
    const way = this.#wayByInterface.get(interfaceIndex);
    if (way === undefined) return null;
    if (isNeighbourDiscovery(frame)) return { to: way.to, departuresMs: [nowMs] };
    const length = frame.length - ETHERNET_HEADER;
    return { to: way.to, departuresMs: way.shaper.handlePacket(length, flowOf(frame), nowMs) };
  }
}
