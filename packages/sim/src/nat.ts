import { addressIn, endpointOf, portIn } from './address-book.ts';
import { Attachment } from './attachment.ts';
import { BareLinux } from './bare-linux.ts';
import type { Datagram } from './datagram.ts';
import { SimError } from './errors.ts';
import { Firewall } from './firewall.ts';
import { type IPv4Network, parseNetwork } from './ipv4-network.ts';
import { NatTable, type Translation } from './nat-table.ts';
import { Place } from './place.ts';
import type { NatKind, NatSpec } from './scenario.ts';
import type { World } from './world.ts';

/** A router that translates IPv4 and filters native IPv6. */
export class Nat extends Attachment {
  readonly kind: NatKind;
  readonly inside: Place;
  /** Packets from outside that nobody had asked for and that were answered with an error (`inbound: "reject"`). */
  rejected = 0;
  readonly network: IPv4Network;
  #address: number;
  #translation: Translation;
  readonly #filter6: Firewall;

  constructor(world: World, spec: Omit<NatSpec, 'behind'>, place: Place) {
    super(world, spec.name, place);
    checkKind(spec);
    this.kind = spec;
    this.network = parseNetwork(spec.inside);
    this.#address = world.addresses.idOf(spec.address);
    this.#translation = spec.poisonable
      ? new BareLinux(spec, world.random)
      : new NatTable(spec, world.random);
    this.#filter6 = new Firewall('stateful', spec.filtering6);
    this.inside = new InsideOfNat(this);
    place.attach(this.#address, this);
  }

  /** Outside. */
  get address(): string {
    return this.world.addresses.addressOf(this.#address);
  }

  /** Forgets its mappings and gives other ports. */
  rebind(): void {
    this.#translation.rebind(this.world.now);
  }

  /** Gets another address outside, and forgets its mappings. */
  renumber(address: string): void {
    this.place.detach(this.#address, this);
    this.#address = this.world.addresses.idOf(address);
    this.place.attach(this.#address, this);
    this.rebind();
  }

  /** A datagram of a host inside that is not for its neighbours. */
  forward(datagram: Datagram): void {
    const { world } = this;
    const target = addressIn(datagram.to);
    datagram.hopsLeft--;
    if (datagram.hopsLeft <= 0) world.end(datagram, 'hops');
    else if (datagram.ipv6) {
      this.#filter6.passesOut(datagram.from, datagram.to, world.now);
      this.sendUp(datagram);
    } else if (target === this.#address)
      if (this.kind.hairpin && this.#translate(datagram)) this.#letIn(datagram);
      else world.end(datagram, 'no-route');
    else if (this.network.has(world.addresses.addressOf(target))) world.end(datagram, 'no-route');
    else if (this.#translate(datagram)) this.sendUp(datagram);
    else world.end(datagram, 'no-port');
  }

  protected arrive(datagram: Datagram): void {
    datagram.hopsLeft--;
    if (datagram.hopsLeft <= 0) this.world.end(datagram, 'hops');
    else if (!datagram.ipv6) this.#letIn(datagram);
    else if (this.#filter6.passesIn(datagram.to, datagram.from, this.world.now)) this.#deliver(datagram);
    else this.#refuse(datagram);
  }

  #translate(datagram: Datagram): boolean {
    const port = this.#translation.outbound(datagram.from, datagram.to, this.world.now);
    if (port >= 0) datagram.from = endpointOf(this.#address, port);
    return port >= 0;
  }

  #letIn(datagram: Datagram): void {
    const inside = this.#translation.inbound(portIn(datagram.to), datagram.from, this.world.now);
    if (inside >= 0) {
      datagram.to = inside;
      this.#deliver(datagram);
    } else this.#refuse(datagram);
  }

  #deliver(datagram: Datagram): void {
    const target = this.inside.nodeAt(addressIn(datagram.to));
    if (target === undefined) this.world.end(datagram, 'no-route');
    else target.sendDown(datagram);
  }

  #refuse(datagram: Datagram): void {
    if (this.kind.inbound === 'reject') this.rejected++;
    this.world.end(datagram, 'refused');
  }
}

class InsideOfNat extends Place {
  readonly gateway: Nat;

  constructor(gateway: Nat) {
    super();
    this.gateway = gateway;
  }

  get outer(): Place {
    return this.gateway.place;
  }

  handle(datagram: Datagram): void {
    const neighbour = this.nodeAt(addressIn(datagram.to));
    if (neighbour === undefined) this.gateway.forward(datagram);
    else if (this.gateway.kind.isolated) this.gateway.world.end(datagram, 'no-route');
    else neighbour.sendDown(datagram);
  }
}

function checkKind({ name, mapping, filtering, ports = 'preserve', hairpin, poisonable }: NatSpec): void {
  const bad = (field: string, what: string): never => {
    throw new SimError('bad-network', `NAT "${name}": ${field}: ${what}`);
  };
  if (!['eim', 'adm', 'apdm'].includes(mapping)) bad('mapping', 'is eim, adm or apdm');
  if (!['eif', 'adf', 'apdf'].includes(filtering)) bad('filtering', 'is eif, adf or apdf');
  if (poisonable && (mapping !== 'eim' || ports !== 'preserve'))
    bad('poisonable', 'needs mapping eim and ports preserve');
  if (poisonable && hairpin) bad('poisonable', 'not together with hairpin: a bare router has no rule for it');
  if (typeof ports === 'string') {
    if (!['preserve', 'random', 'sequential'].includes(ports))
      bad('ports', `"${ports}" is no way to give ports`);
    return;
  }
  const [least, most, number] = 'block' in ports ? [8, 1024, ports.block] : [1, 32, ports.sequential];
  if (!Number.isInteger(number) || number < least || number > most)
    bad('ports', `a whole number from ${least} to ${most}`);
}
