import type { Datagram } from './datagram.ts';
import type { Firewall } from './firewall.ts';
import { checkLink, directionOf, LinkDirection } from './link.ts';
import type { Place } from './place.ts';
import type { LinkSpec } from './scenario.ts';
import type { World } from './world.ts';

/** A host or NAT: what is attached to a place (the public segment, or the network inside a NAT) by a link. */
export abstract class Attachment {
  readonly name: string;
  readonly world: World;
  place: Place;
  firewall: Firewall | null = null;
  #up: LinkDirection | null = null;
  #down: LinkDirection | null = null;

  constructor(world: World, name: string, place: Place) {
    this.world = world;
    this.name = name;
    this.place = place;
  }

  /** @throws SimError `bad-network` for what this kind of link does not do */
  setLink(spec: LinkSpec): void {
    checkLink(this.name, spec);
    this.#up = new LinkDirection(directionOf(spec, 'up'), this.world.random);
    this.#down = new LinkDirection(directionOf(spec, 'down'), this.world.random);
  }

  /** From here towards the rest of the network. */
  sendUp(datagram: Datagram): void {
    const { firewall, world } = this;
    if (firewall !== null && !firewall.passesOut(datagram.from, datagram.to, world.now))
      world.end(datagram, 'blocked');
    else this.#carry(datagram, true, this.#up);
  }

  /** From the place it is attached to. */
  sendDown(datagram: Datagram): void {
    const { firewall, world } = this;
    if (firewall !== null && !firewall.passesIn(datagram.to, datagram.from, world.now))
      world.end(datagram, 'refused');
    else this.#carry(datagram, false, this.#down);
  }

  arriveFrom(place: Place, datagram: Datagram): void {
    if (place === this.place) this.arrive(datagram);
    else this.world.end(datagram, 'no-route'); // it has moved meanwhile
  }

  protected abstract arrive(datagram: Datagram): void;

  #carry(datagram: Datagram, up: boolean, link: LinkDirection | null): void {
    const { world } = this;
    datagram.node = this;
    datagram.place = this.place;
    datagram.up = up;
    if (link === null) world.carry(datagram, world.now);
    else if (!link.fits(datagram.packetBytes)) world.end(datagram, 'too-large');
    else if (link.loses()) world.end(datagram, 'lost');
    else {
      const flow = datagram.from + datagram.to;
      if (link.duplicates()) world.carry(datagram.copy(), link.arrivalMs(flow, world.now));
      world.carry(datagram, link.arrivalMs(flow, world.now));
    }
  }
}
