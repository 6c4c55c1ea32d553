import { monotonicMs, type UdpAddress, UdpSocket } from '@overcall/net';
import { type DatagramResult, PrefixLimiter, type RelaySource, type RelayTable } from '@overcall/overlay';
import { stunResponder } from '@overcall/traversal';
import type { Taps } from './options.ts';
import { StreamDriver } from './stream-driver.ts';

/** Plain STUN answers are longer than their requests, so a spoofed source prefix gets only so many. */
const STUN_LIMITS = { perPrefix: { perSecond: 100, burst: 200 }, all: { perSecond: 5000, burst: 5000 } };
/** STUN's first byte (RFC 7983). */
const LAST_STUN_BYTE = 3;

export interface UdpDriverCounts {
  forwardedDatagrams: number;
  forwardedBytes: number;
  stunAnswers: number;
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
    stunAnswers: 0,
    bindReplies: 0,
    dropped: new Map(),
  };
  readonly sockets: UdpSocket[] = [];
  readonly streams = new StreamDriver((source, datagram) => this.#relayDatagram(source, datagram));
  readonly #relay: Pick<RelayTable<unknown>, 'handleDatagram'>;
  readonly #stunLimiter = new PrefixLimiter(STUN_LIMITS, monotonicMs());
  readonly #tap: Taps['forward'];

  constructor(relay: Pick<RelayTable<unknown>, 'handleDatagram'>, tap: Taps['forward']) {
    this.#relay = relay;
    this.#tap = tap;
  }

  async listen(local: UdpAddress): Promise<UdpAddress> {
    const index = this.sockets.length;
    const socket = await UdpSocket.bind(local, (datagram, source) => this.#handle(index, datagram, source));
    this.sockets.push(socket);
    return socket.address;
  }

  /** Gives up the socket that was opened last. */
  async unlisten(): Promise<void> {
    await this.sockets.pop()?.close();
  }

  #handle(socket: number, datagram: Uint8Array, source: UdpAddress): void {
    if (source.port === 0 || datagram.length === 0) this.#drop('malformed');
    else if (datagram[0]! <= LAST_STUN_BYTE) this.#answerStun(socket, datagram, source);
    else this.#relayDatagram({ address: source.address, port: source.port, socket }, datagram);
  }

  #relayDatagram(source: RelaySource, datagram: Uint8Array): DatagramResult {
    const result = this.#relay.handleDatagram(source, datagram, monotonicMs());
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
    else if (!this.streams.send(to.socket, datagram)) this.#drop('connection-gone');
  }

  #forward(datagram: Uint8Array, to: RelaySource): void {
    for (const out of this.#tap ? this.#tap(datagram, to) : [datagram]) {
      this.counts.forwardedDatagrams++;
      this.counts.forwardedBytes += out.length;
      this.#send(out, to);
    }
  }

  #answerStun(socket: number, datagram: Uint8Array, source: UdpAddress): void {
    const answer = stunResponder(datagram, source);
    if (answer === null) this.#drop('not-stun');
    else if (!this.#stunLimiter.take(source.address, monotonicMs())) this.#drop('stun-limited');
    else {
      this.counts.stunAnswers++;
      this.sockets[socket]!.send(answer, source);
    }
  }

  #drop(reason: string): void {
    this.counts.dropped.set(reason, (this.counts.dropped.get(reason) ?? 0) + 1);
  }

  async close(): Promise<void> {
    this.streams.close();
    await Promise.all(this.sockets.map((socket) => socket.close()));
  }
}
