import { behindNat64, type Nat64Prefix, parseAddressPort } from '@overcall/traversal';
import { globalThroughNat64, nat64Prefix } from './nat64.ts';
import { type UdpAddress, UdpSocket } from './udp-socket.ts';

/** Translated addresses that are remembered; a call has a few. */
const MAX_KNOWN = 1024;

export interface DatagramSocket {
  readonly address: UdpAddress;
  send(datagram: Uint8Array, to: UdpAddress, hopLimit?: number): void;
  close(): Promise<void>;
}

/**
 * A UDP socket for IPv4, also on a machine that has nothing but IPv6 and a NAT64: then datagrams go by an IPv6 socket
 * of its own, to the addresses that stand for IPv4 ones (RFC 6052), and come back as from IPv4. Whoever uses it need not
 * know, and what may be sent where is decided on the IPv4 addresses.
 */
export class Ipv4Socket implements DatagramSocket {
  readonly #ipv4: UdpSocket;
  readonly #ipv6: UdpSocket | null;
  readonly #translated = new Map<string, string>();
  #prefix: Nat64Prefix | null;

  private constructor(ipv4: UdpSocket, ipv6: UdpSocket | null, prefix: Nat64Prefix | null) {
    this.#ipv4 = ipv4;
    this.#ipv6 = ipv6;
    this.#prefix = prefix;
  }

  /** @throws the `listen`/`bind` error of Node */
  static async bind(onDatagram: (datagram: Uint8Array, source: UdpAddress) => void): Promise<Ipv4Socket> {
    let socket: Ipv4Socket | null = null;
    const translate = (datagram: Uint8Array, { address, port }: UdpAddress) => {
      const prefix = socket?.nat64Prefix ?? null;
      const source = prefix && behindNat64(address, prefix);
      if (source !== null) onDatagram(datagram, { address: source, port });
    };
    const ipv4 = await UdpSocket.bind({ address: '0.0.0.0', port: 0 }, onDatagram);
    const ipv6 = await UdpSocket.bind({ address: '::', port: 0 }, translate).catch(() => null);
    socket = new Ipv4Socket(ipv4, ipv6, await nat64Prefix());
    return socket;
  }

  /** Null while the machine has IPv4 of its own. */
  get nat64Prefix(): Nat64Prefix | null {
    return this.#prefix;
  }

  /** Whether this `[ip]:port` stands for an IPv4 one. */
  isBehindNat64(text: string): boolean {
    const address = parseAddressPort(text)?.address;
    return this.#prefix !== null && address !== undefined && behindNat64(address, this.#prefix) !== null;
  }

  /** This machine's addresses have changed: looks again how it reaches IPv4. @returns whether that has changed */
  async handleNetworkChange(): Promise<boolean> {
    const before = this.#prefix;
    this.#prefix = await nat64Prefix({ again: true });
    this.#translated.clear();
    return before?.address !== this.#prefix?.address || before?.bits !== this.#prefix?.bits;
  }

  get address(): UdpAddress {
    return this.#ipv4.address;
  }

  /** Where datagrams leave from: behind a NAT64 that is the IPv6 socket. */
  get sendingPort(): number {
    return (this.#prefix && this.#ipv6 ? this.#ipv6 : this.#ipv4).address.port;
  }

  send(datagram: Uint8Array, to: UdpAddress, hopLimit?: number): void {
    const address = this.#prefix && this.#translate(to.address, this.#prefix);
    if (address && this.#ipv6) this.#ipv6.send(datagram, { address, port: to.port }, hopLimit);
    else this.#ipv4.send(datagram, to, hopLimit);
  }

  #translate(ipv4: string, prefix: Nat64Prefix): string | null {
    const known = this.#translated.get(ipv4);
    if (known !== undefined) return known;
    const address = globalThroughNat64(ipv4, prefix);
    if (this.#translated.size >= MAX_KNOWN) this.#translated.clear();
    if (address !== null) this.#translated.set(ipv4, address);
    return address;
  }

  async close(): Promise<void> {
    await Promise.all([this.#ipv4.close(), this.#ipv6?.close()]);
  }
}
