import { AddressMap, type HiddenHost } from './address-map.ts';
import { completeChecksum } from './checksum.ts';
import { type Dropped, toIpv4, toIpv6 } from './translate.ts';

/** The two interfaces of the translator at one NAT64, and whom it translates for. */
export interface Side {
  sixIndex: number;
  fourIndex: number;
  /** Ethernet addresses of frames that it sends there: destination and source, 24 hexadecimal digits. */
  sixHeader: string;
  fourHeader: string;
  hosts: HiddenHost[];
}

/** A frame, and where it goes. */
export interface Outgoing {
  frame: Buffer;
  to: number;
}

interface Way {
  isIpv6: boolean;
  to: number;
  header: Buffer;
  map: AddressMap;
}

const ETHERNET_HEADER = 14;
const VIRTIO_HEADER = 10;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/** Every NAT64 of a lab, by the interfaces that frames come in at. */
export class Sides {
  /** Packets that went no further, by reason. */
  readonly dropped: Partial<Record<Dropped | 'unfinished', number>> = {};
  #wayByInterface = new Map<number, Way>();
  #identification = 0;

  constructor(sides: readonly Side[]) {
    this.set(sides);
  }

  /** Replaces all of them: somebody has come or gone. */
  set(sides: readonly Side[]): void {
    this.#wayByInterface = new Map();
    for (const { sixIndex, fourIndex, sixHeader, fourHeader, hosts } of sides) {
      const map = new AddressMap(hosts);
      this.#wayByInterface.set(sixIndex, {
        isIpv6: true,
        to: fourIndex,
        header: headerOf(fourHeader, ETHERTYPE_IPV4),
        map,
      });
      this.#wayByInterface.set(fourIndex, {
        isIpv6: false,
        to: sixIndex,
        header: headerOf(sixHeader, ETHERTYPE_IPV6),
        map,
      });
    }
  }

  /** @param frame with the virtio_net_hdr before it (see links/packet-socket.ts); so are those that it returns */
  handleFrame(frame: Buffer, interfaceIndex: number): Outgoing[] {
    const way = this.#wayByInterface.get(interfaceIndex);
    const ethernet = frame.subarray(VIRTIO_HEADER);
    if (way === undefined || ethernet.length < ETHERNET_HEADER) return [];
    // What the kernel says by itself (ARP, multicast listeners) is not for translation.
    if (ethernet.readUInt16BE(12) !== (way.isIpv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4)) return [];
    if ((ethernet[0]! & 1) !== 0) return [];
    if (!completeChecksum(frame.subarray(0, VIRTIO_HEADER), ethernet)) return this.#drop('unfinished');
    const packet = ethernet.subarray(ETHERNET_HEADER);
    const result = way.isIpv6
      ? toIpv4(packet, way.map, this.#identification++ & 0xffff)
      : toIpv6(packet, way.map);
    if (typeof result === 'string') return this.#drop(result);
    return result.map((bytes) => ({ frame: Buffer.concat([way.header, bytes]), to: way.to }));
  }

  #drop(why: Dropped | 'unfinished'): Outgoing[] {
    this.dropped[why] = (this.dropped[why] ?? 0) + 1;
    return [];
  }
}

function headerOf(addresses: string, etherType: number): Buffer {
  const type = Buffer.alloc(2);
  type.writeUInt16BE(etherType);
  return Buffer.concat([Buffer.alloc(VIRTIO_HEADER), Buffer.from(addresses, 'hex'), type]);
}
