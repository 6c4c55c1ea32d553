import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { monotonicMs } from './clock.ts';
import type { LinuxCalls } from './linux-calls.ts';
import type { RelaySocket, RelaySocketHandlers } from './relay-socket.ts';
import {
  AF_INET,
  AF_INET6,
  DestinationCache,
  IPV4_BYTES,
  IPV6_BYTES,
  SourceCache,
  socketAddress,
} from './socket-address.ts';
import { trySetBuffers, type UdpAddress, type UdpCounts } from './udp-socket.ts';

// Constants of Linux: linux/socket.h, linux/net.h, linux/in6.h, asm-generic/fcntl.h.
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** Datagrams of one system call. More would keep the event loop for more than a third of a millisecond. */
const BATCH = 64;
/** Batches of one wave: then whatever else the process does has its turn, after some milliseconds at most. */
const MOST_BATCHES = 8;
/** What is forwarded from a batch and what is answered meanwhile. */
const SEND_BATCH = 128;

// Layout of memory: arrays of struct mmsghdr (of a 64-bit machine: 0 name, 8 its length, 16 vector, 24 its length,
// 40 control length, 48 flags, 56 bytes received), struct iovec (0 base, 8 length), struct sockaddr, and datagrams.
const HEADER = 64;
const VECTOR = 16;
const NAME = 32;
/** Longer ones are cut off; nobody takes more than 1,232 bytes. */
const DATAGRAM = 2048;
const SLOT = HEADER + VECTOR + NAME + DATAGRAM;

/** Slots for messages within one piece of memory. */
class Slots {
  readonly headers: number;
  readonly vectors: number;
  readonly names: number;
  readonly datagrams: number;

  constructor(at: number, count: number) {
    this.headers = at;
    this.vectors = at + HEADER * count;
    this.names = this.vectors + VECTOR * count;
    this.datagrams = this.names + NAME * count;
  }
}

/**
 * A UDP socket that reads and sends many datagrams with each system call, without an object for each. Node watches the
 * socket: it reads the first datagram of each wave itself, and the others are fetched here while it hands that one over.
 * What is sent meanwhile leaves together at the end. What the kernel does not take is lost and counted.
 */
export class BatchUdpSocket<Source> implements RelaySocket {
  readonly kind = 'batch';
  readonly counts: UdpCounts = {
    receivedDatagrams: 0,
    receivedBytes: 0,
    sentDatagrams: 0,
    sentBytes: 0,
    sendErrors: 0,
  };
  readonly #calls: LinuxCalls;
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #handlers: RelaySocketHandlers<Source>;
  readonly #nameBytes: number;
  readonly #sources: SourceCache<Source>;
  readonly #destinations = new DestinationCache();
  readonly #memory = new ArrayBuffer(SLOT * (BATCH + SEND_BATCH));
  readonly #bytes = new Uint8Array(this.#memory);
  readonly #words = new Int32Array(this.#memory);
  readonly #base: number;
  readonly #in = new Slots(0, BATCH);
  readonly #out = new Slots(SLOT * BATCH, SEND_BATCH);
  /** Views of what was received last, which are used again where the length is the same, as it is for voice. */
  readonly #views: Uint8Array[] = Array.from({ length: BATCH }, () => new Uint8Array(0));
  #queued = 0;
  #isReceiving = false;
  #closed = false;

  private constructor(
    calls: LinuxCalls,
    fd: number,
    socket: Socket,
    isV6: boolean,
    handlers: RelaySocketHandlers<Source>,
  ) {
    this.#calls = calls;
    this.#fd = fd;
    this.#socket = socket;
    this.#handlers = handlers;
    this.#nameBytes = isV6 ? IPV6_BYTES : IPV4_BYTES;
    this.#sources = new SourceCache(isV6, handlers.sourceOf);
    this.#base = calls.addressOf(this.#memory);
    for (let i = 0; i < BATCH; i++) this.#prepare(this.#in, i);
    for (let i = 0; i < SEND_BATCH; i++) this.#prepare(this.#out, i);
  }

  /** @throws an error with the code of the system, such as EADDRINUSE */
  static async bind<Source>(
    calls: LinuxCalls,
    local: UdpAddress,
    handlers: RelaySocketHandlers<Source>,
  ): Promise<BatchUdpSocket<Source>> {
    const isV6 = isIPv6(local.address);
    const fd = openSocket(calls, local, isV6);
    const socket = createSocket({
      type: isV6 ? 'udp6' : 'udp4',
      lookup: (host, _options, done) => done(null, host, isV6 ? 6 : 4),
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ fd }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    trySetBuffers(socket);
    const batch = new BatchUdpSocket(calls, fd, socket, isV6, handlers);
    socket.on('error', () => {
      batch.counts.sendErrors++;
    });
    socket.on('message', (datagram, remote) => batch.#handleFirst(datagram, remote));
    return batch;
  }

  get address(): UdpAddress {
    return this.#socket.address();
  }

  /** The pointers, which stay. */
  #prepare(slots: Slots, index: number): void {
    const header = (slots.headers + HEADER * index) >> 2;
    const vector = (slots.vectors + VECTOR * index) >> 2;
    this.#point(header, slots.names + NAME * index);
    this.#words[header + 2] = this.#nameBytes;
    this.#point(header + 4, slots.vectors + VECTOR * index);
    this.#words[header + 6] = 1;
    this.#point(vector, slots.datagrams + DATAGRAM * index);
    this.#words[vector + 2] = DATAGRAM;
  }

  /** Writes a pointer to a place of this memory. */
  #point(word: number, to: number): void {
    const pointer = this.#base + to;
    this.#words[word] = pointer | 0;
    this.#words[word + 1] = Math.floor(pointer / 2 ** 32);
  }

  #handleFirst(datagram: Buffer, { address, port }: RemoteInfo): void {
    const nowMs = monotonicMs();
    this.#isReceiving = true;
    try {
      this.counts.receivedDatagrams++;
      this.counts.receivedBytes += datagram.length;
      this.#handlers.onDatagram(datagram, this.#handlers.sourceOf(address, port), nowMs);
      // What came meanwhile is cheaper to fetch here than to be read by Node, which makes objects of it.
      for (let more = MOST_BATCHES; more > 0 && !this.#closed; more--) {
        if (this.#receive(monotonicMs()) === 0) break;
        this.#flush();
      }
    } finally {
      this.#isReceiving = false;
      this.#flush();
    }
  }

  /** Returns how many datagrams there were. */
  #receive(nowMs: number): number {
    const { headers, names, datagrams } = this.#in;
    const words = this.#words;
    const count = this.#calls.recvmmsg(this.#fd, this.#base + headers, BATCH, MSG_DONTWAIT, 0);
    for (let i = 0; i < count; i++) {
      const header = (headers + HEADER * i) >> 2;
      const length = words[header + 14]!;
      const view = this.#view(i, datagrams + DATAGRAM * i, length);
      const source = this.#sources.at(this.#bytes, words, names + NAME * i);
      words[header + 2] = this.#nameBytes;
      this.counts.receivedDatagrams++;
      this.counts.receivedBytes += length;
      this.#handlers.onDatagram(view, source, nowMs);
      if (this.#closed) break;
    }
    return Math.max(count, 0);
  }

  #view(index: number, at: number, length: number): Uint8Array {
    const last = this.#views[index]!;
    if (last.length === length) return last;
    const view = new Uint8Array(this.#memory, at, length);
    this.#views[index] = view;
    return view;
  }

  send(datagram: Uint8Array, to: UdpAddress): void {
    if (this.#closed) return;
    if (!this.#isReceiving || datagram.length > DATAGRAM) this.#sendAlone(datagram, to);
    else if (!this.#enqueue(datagram, to)) this.counts.sendErrors++;
  }

  #sendAlone(datagram: Uint8Array, to: UdpAddress): void {
    try {
      this.#socket.send(datagram, to.port, to.address, this.#onSent);
      this.counts.sentDatagrams++;
      this.counts.sentBytes += datagram.length;
    } catch {
      this.counts.sendErrors++;
    }
  }

  readonly #onSent = (error: Error | null): void => {
    if (error) this.counts.sendErrors++;
  };

  /** False when that is no address of this socket's family. */
  #enqueue(datagram: Uint8Array, { address, port }: UdpAddress): boolean {
    if (this.#queued === SEND_BATCH) this.#flush();
    const { names, vectors, datagrams } = this.#out;
    const index = this.#queued;
    let name: Uint8Array;
    try {
      name = this.#destinations.get(address);
    } catch {
      return false;
    }
    if (name.length !== this.#nameBytes) return false;
    const nameAt = names + NAME * index;
    this.#bytes.set(name, nameAt);
    this.#bytes[nameAt + 2] = port >> 8;
    this.#bytes[nameAt + 3] = port;
    // What was received into this memory stays where it is until it has been sent.
    let at = datagram.byteOffset;
    if (datagram.buffer !== this.#memory) {
      at = datagrams + DATAGRAM * index;
      this.#bytes.set(datagram, at);
    }
    const vector = (vectors + VECTOR * index) >> 2;
    this.#point(vector, at);
    this.#words[vector + 2] = datagram.length;
    this.#queued++;
    return true;
  }

  #flush(): void {
    const queued = this.#queued;
    this.#queued = 0;
    if (this.#closed) return;
    const { headers, vectors } = this.#out;
    let done = 0;
    while (done < queued) {
      const from = this.#base + headers + HEADER * done;
      const sent = this.#calls.sendmmsg(this.#fd, from, queued - done, MSG_DONTWAIT);
      if (sent > 0) {
        for (let i = done; i < done + sent; i++) {
          this.counts.sentDatagrams++;
          this.counts.sentBytes += this.#words[((vectors + VECTOR * i) >> 2) + 2]!;
        }
        done += sent;
      } else {
        // A full buffer stays full for the rest; any other error is of this datagram alone.
        const isFull = this.#calls.errno() === this.#calls.errors.EAGAIN;
        const lost = isFull ? queued - done : 1;
        this.counts.sendErrors += lost;
        done += lost;
      }
    }
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve) => this.#socket.close(resolve));
  }
}

function openSocket(calls: LinuxCalls, local: UdpAddress, isV6: boolean): number {
  const fd = calls.socket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(calls, 'socket', local);
  const name = socketAddress(local);
  const only = new Uint8Array(new Int32Array([1]).buffer);
  if (isV6 && calls.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, only, 4) < 0)
    throw closing(calls, fd, systemError(calls, 'setsockopt', local));
  if (calls.bind(fd, name, name.length) < 0) throw closing(calls, fd, systemError(calls, 'bind', local));
  return fd;
}

function closing(calls: LinuxCalls, fd: number, error: Error): Error {
  calls.close(fd);
  return error;
}

/** As Node's own. */
function systemError(calls: LinuxCalls, syscall: string, { address, port }: UdpAddress): Error {
  const number = calls.errno();
  const code = Object.keys(calls.errors).find((name) => calls.errors[name] === number) ?? `errno ${number}`;
  return Object.assign(new Error(`${syscall} ${code} ${address}:${port}`), { code, syscall, address, port });
}
