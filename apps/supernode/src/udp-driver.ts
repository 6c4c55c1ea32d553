import { isIPv6 } from 'node:net';
import {
  bindRelaySocket,
  monotonicMs,
  type RelaySocket,
  type RelaySocketKind,
  type UdpAddress,
} from '@overcall/net';
import type { DatagramResult, RelaySource, RelayTable } from '@overcall/overlay';
import { DatagramType, LAST_STUN_BYTE } from '@overcall/wire';
import type { Taps } from './options.ts';
import { StreamDriver } from './stream-driver.ts';
import { StunDriver, type StunDriverOptions } from './stun-driver.ts';

export interface UdpDriverCounts {
  forwardedDatagrams: number;
  forwardedBytes: number;
  bindReplies: number;
  dropped: Map<string, number>;
}

/**
 * The UDP sockets of a supernode: STUN is answered, everything else goes through the relay table. So do datagrams over
 * TCP, and each may lead to the other.
 */
export class UdpDriver {
  readonly counts: UdpDriverCounts = {
    forwardedDatagrams: 0,
    forwardedBytes: 0,
    bindReplies: 0,
    dropped: new Map(),
  };
  readonly sockets: RelaySocket[] = [];
  readonly streams = new StreamDriver((source, datagram) =>
    this.#relayDatagram(source, datagram, monotonicMs()),
  );
  readonly #relay: Pick<RelayTable<unknown>, 'handleDatagram'>;
  /** Sockets that answer STUN and nothing else. */
  readonly #stunOnly = new Set<number>();
  #stun: StunDriver | null = null;
  readonly #socketKind: RelaySocketKind;
  readonly #tap: Taps['forward'];
  readonly #answerDialBack: (probe: Uint8Array) => Uint8Array | null;

  constructor(
    relay: Pick<RelayTable<unknown>, 'handleDatagram'>,
    socketKind: RelaySocketKind,
    tap: Taps['forward'],
    answerDialBack: (probe: Uint8Array) => Uint8Array | null,
  ) {
    this.#relay = relay;
    this.#socketKind = socketKind;
    this.#tap = tap;
    this.#answerDialBack = answerDialBack;
  }

  async listen(local: UdpAddress): Promise<UdpAddress> {
    const index = this.sockets.length;
    const socket = await bindRelaySocket<RelaySource>(this.#socketKind, local, {
      sourceOf: (address, port) => ({ address, port, socket: index }),
      onDatagram: (datagram, source, nowMs) => this.#handle(source, datagram, nowMs),
    });
    this.sockets.push(socket);
    return socket.address;
  }

  /** For the alternate port of STUN (RFC 5780). */
  async listenForStun(local: UdpAddress): Promise<UdpAddress> {
    this.#stunOnly.add(this.sockets.length);
    return this.listen(local);
  }

  /** STUN is answered from now on. */
  startStun(options: Omit<StunDriverOptions, 'send' | 'drop'>): void {
    this.#stun = new StunDriver({
      ...options,
      send: (socket, datagram, to) => this.sockets[socket]!.send(datagram, to),
      drop: (reason) => this.#drop(reason),
    });
  }

  get stunCounts(): { answers: number; probes: number } {
    return { answers: this.#stun?.answers ?? 0, probes: this.#stun?.probes ?? 0 };
  }

  /** The socket by which supernodes of a family of addresses are sent to. */
  socketFor(family: 'ipv4' | 'ipv6'): number | null {
    const isOfFamily = ({ address: { address } }: RelaySocket) => isIPv6(address) === (family === 'ipv6');
    const index = this.sockets.findIndex((socket, at) => !this.#stunOnly.has(at) && isOfFamily(socket));
    return index < 0 ? null : index;
  }

  /** A datagram of this supernode's own, to another one. */
  sendToSupernode(datagram: Uint8Array, to: UdpAddress): void {
    const socket = this.socketFor(isIPv6(to.address) ? 'ipv6' : 'ipv4');
    if (socket !== null) this.sockets[socket]!.send(datagram, to);
  }

  /** Gives up the socket that was opened last. */
  async unlisten(): Promise<void> {
    await this.sockets.pop()?.close();
  }

  #handle(source: RelaySource, datagram: Uint8Array, nowMs: number): void {
    if (source.port === 0 || datagram.length === 0) this.#drop('malformed');
    // What is vouched for and probed is looked at later.
    else if (datagram[0]! <= LAST_STUN_BYTE)
      this.#stun?.handle(source.socket, new Uint8Array(datagram), source);
    else if (this.#stunOnly.has(source.socket)) this.#drop('stun-only');
    else if (datagram[0] === DatagramType.DialBackProbe) this.#answerProbe(datagram, source);
    else this.#relayDatagram(source, datagram, nowMs);
  }

  /** From another supernode that tries to reach this one. */
  #answerProbe(datagram: Uint8Array, source: RelaySource): void {
    const answer = this.#answerDialBack(datagram);
    if (answer === null) this.#drop('dial-back-unknown');
    else this.#send(answer, source);
  }

  #relayDatagram(source: RelaySource, datagram: Uint8Array, nowMs: number): DatagramResult {
    const result = this.#relay.handleDatagram(source, datagram, nowMs);
    switch (result.kind) {
      case 'drop':
        this.#drop(result.reason);
        break;
      case 'reply':
        this.counts.bindReplies++;
        this.#send(result.datagram, source);
        break;
      case 'forward':
        this.#forward(result.datagram, result.to);
        break;
    }
    return result;
  }

  #send(datagram: Uint8Array, to: RelaySource): void {
    const socket = this.sockets[to.socket];
    if (socket !== undefined) socket.send(datagram, to);
    // It may wait there, and its memory is used again.
    else if (!this.streams.send(to.socket, new Uint8Array(datagram))) this.#drop('connection-gone');
  }

  #forward(datagram: Uint8Array, to: RelaySource): void {
    if (this.#tap === undefined) this.#count(datagram, to);
    else for (const out of this.#tap(new Uint8Array(datagram), to)) this.#count(out, to);
  }

  #count(datagram: Uint8Array, to: RelaySource): void {
    this.counts.forwardedDatagrams++;
    this.counts.forwardedBytes += datagram.length;
    this.#send(datagram, to);
  }

  #drop(reason: string): void {
    this.counts.dropped.set(reason, (this.counts.dropped.get(reason) ?? 0) + 1);
  }

  async close(): Promise<void> {
    this.streams.close();
    await Promise.all(this.sockets.map((socket) => socket.close()));
  }
}
