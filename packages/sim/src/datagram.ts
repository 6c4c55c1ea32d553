import type { Attachment } from './attachment.ts';
import type { Event } from './event-queue.ts';
import type { Place } from './place.ts';

/**
 * What became of a datagram; each ends in one of them. `refused`: nobody behind the NAT or firewall had asked for it.
 * `no-port`: the NAT had none left. `no-socket`: the host is there and does not listen.
 */
export const FATES = [
  'delivered',
  'lost',
  'too-large',
  'hops',
  'no-route',
  'dropped',
  'blocked',
  'refused',
  'no-port',
  'no-socket',
] as const;
export type Fate = (typeof FATES)[number];

/** IP and UDP headers (RFC 791, RFC 8200, RFC 768). */
const HEADER_BYTES = { ipv4: 28, ipv6: 48 };

/**
 * A datagram on its way; the event of its arrival at the end of a link. NATs rewrite it in place, so that it costs one
 * object however many hops it takes.
 */
export class Datagram implements Event {
  from: number;
  to: number;
  readonly bytes: Uint8Array;
  readonly ipv6: boolean;
  hopsLeft: number;
  /** Whose link it is on, in which place, in which direction. */
  node!: Attachment;
  place!: Place;
  up = true;

  constructor(from: number, to: number, bytes: Uint8Array, ipv6: boolean, hopsLeft: number) {
    this.from = from;
    this.to = to;
    this.bytes = bytes;
    this.ipv6 = ipv6;
    this.hopsLeft = hopsLeft;
  }

  get packetBytes(): number {
    return this.bytes.length + (this.ipv6 ? HEADER_BYTES.ipv6 : HEADER_BYTES.ipv4);
  }

  copy(): Datagram {
    const copy = new Datagram(this.from, this.to, this.bytes, this.ipv6, this.hopsLeft);
    [copy.node, copy.place, copy.up] = [this.node, this.place, this.up];
    return copy;
  }

  fire(): void {
    if (this.up) this.place.handle(this);
    else this.node.arriveFrom(this.place, this);
  }
}
