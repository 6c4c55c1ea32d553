import { monotonicMs } from './clock.ts';
import type { LinuxCalls, Watch } from './linux-calls.ts';
import { noteWaited } from './loop-load.ts';
import { DATAGRAM, HEADER, MessageMemory, NAME } from './message-memory.ts';
import { type OpenedDescriptor, openUdpDescriptor } from './open-descriptor.ts';
import type { RelaySocket, RelaySocketHandlers } from './relay-socket.ts';
import { DestinationCache, IPV4_BYTES, IPV6_BYTES, portWord, SourceCache } from './socket-address.ts';
import { NOTHING_COUNTED, type UdpAddress, type UdpCounts } from './udp-socket.ts';
import { PATIENCE_MS, WaveTurn } from './wave-turn.ts';

/** Of Linux: linux/socket.h. */
const MSG_DONTWAIT = 0x40;

/** Datagrams of one system call. More would keep the event loop for more than a third of a millisecond. */
const BATCH = 64;
/** What is forwarded from a batch and what is answered meanwhile. */
const SEND_BATCH = 128;

/**
 * A UDP socket that reads and sends many datagrams with each system call, without an object for each. Node's event loop
 * watches the descriptor and does nothing else with it. What is sent while datagrams are handed over leaves together at
 * the end. What the kernel does not take is lost and counted.
 */
export class BatchUdpSocket<Source> implements RelaySocket {
  readonly kind = 'batch';
  readonly counts: UdpCounts = { ...NOTHING_COUNTED };
  readonly address: UdpAddress;
  readonly #calls: LinuxCalls;
  readonly #fd: number;
  readonly #handlers: RelaySocketHandlers<Source>;
  readonly #nameBytes: number;
  readonly #sources: SourceCache<Source>;
  readonly #destinations = new DestinationCache();
  readonly #memory: MessageMemory;
  readonly #turn = new WaveTurn();
  readonly #watch: Watch;
  /** Views of what was received last, which are used again where the length is the same, as it is for voice. */
  readonly #views: Uint8Array[] = Array.from({ length: BATCH }, () => new Uint8Array(0));
  #queued = 0;
  #isReceiving = false;
  #closed = false;

  private constructor(
    calls: LinuxCalls,
    { fd, isV6, address }: OpenedDescriptor,
    handlers: RelaySocketHandlers<Source>,
  ) {
    this.#calls = calls;
    this.#fd = fd;
    this.address = address;
    this.#handlers = handlers;
    this.#nameBytes = isV6 ? IPV6_BYTES : IPV4_BYTES;
    this.#sources = new SourceCache(isV6, handlers.sourceOf);
    this.#memory = new MessageMemory(calls, BATCH, SEND_BATCH, this.#nameBytes);
    this.#memory.setWait(fd, PATIENCE_MS);
    this.#watch = calls.watch(fd, () => this.#handleWave());
  }

  /** @throws an error with the code of the system, such as EADDRINUSE */
  static bind<Source>(
    calls: LinuxCalls,
    local: UdpAddress,
    handlers: RelaySocketHandlers<Source>,
  ): BatchUdpSocket<Source> {
    const opened = openUdpDescriptor(calls, local);
    try {
      return new BatchUdpSocket(calls, opened, handlers);
    } catch (error) {
      calls.close(opened.fd);
      throw error;
    }
  }

  #handleWave(): void {
    this.#isReceiving = true;
    let nowMs = monotonicMs();
    this.#turn.begin(nowMs);
    try {
      for (let goesOn = true; goesOn && !this.#closed; ) {
        const count = this.#receive(Math.floor(nowMs));
        this.#flush();
        nowMs = monotonicMs();
        const next = this.#turn.next(count, nowMs);
        goesOn = next === 'fetch' || (next === 'await' && this.#awaitMore());
        if (next !== 'await') continue;
        const beforeMs = nowMs;
        nowMs = monotonicMs();
        noteWaited(nowMs - beforeMs);
      }
    } catch (error) {
      // Nobody would hear of it from here.
      setImmediate(() => {
        throw error;
      });
    } finally {
      this.#isReceiving = false;
      this.#flush();
    }
    // Promises and ticks of the handler have their turn after a callback that Node itself makes, whatever koffi does.
    setImmediate(nothing);
  }

  /** Whether there are more datagrams, now or soon. */
  #awaitMore(): boolean {
    return !this.#closed && this.#calls.ppoll(this.#memory.readable, 1, this.#memory.patience, 0) > 0;
  }

  /**
   * Returns how many datagrams there were.
   * @param nowMs whole: V8 makes an object of any other number for each datagram
   */
  #receive(nowMs: number): number {
    const { incoming, bytes, words } = this.#memory;
    const { headers, names, datagrams } = incoming;
    const count = this.#calls.recvmmsg(this.#fd, incoming.pointer, BATCH, MSG_DONTWAIT, 0);
    for (let i = 0; i < count; i++) {
      const header = (headers + HEADER * i) >> 2;
      const length = words[header + 14]!;
      const view = this.#view(i, datagrams + DATAGRAM * i, length);
      const source = this.#sources.at(bytes, words, names + NAME * i);
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
    const view = new Uint8Array(this.#memory.memory, at, length);
    this.#views[index] = view;
    return view;
  }

  send(datagram: Uint8Array, to: UdpAddress): void {
    if (this.#closed) return;
    if (!this.#enqueue(datagram, to)) this.counts.sendErrors++;
    else if (!this.#isReceiving) this.#flush();
  }

  /** False when it is too long, or that is no address of this socket's family. */
  #enqueue(datagram: Uint8Array, { address, port }: UdpAddress): boolean {
    if (datagram.length > DATAGRAM) return false;
    if (this.#queued === SEND_BATCH) this.#flush();
    const { outgoing, memory, bytes, words } = this.#memory;
    const index = this.#queued;
    const name = this.#destinations.get(address);
    if (name === null || 4 * name.length !== this.#nameBytes) return false;
    const nameAt = (outgoing.names + NAME * index) >> 2;
    for (let i = 1; i < name.length; i++) words[nameAt + i] = name[i]!;
    words[nameAt] = portWord(name, port);
    // What was received into this memory stays where it is until it has been sent.
    let at = datagram.byteOffset;
    if (datagram.buffer !== memory) {
      at = outgoing.datagrams + DATAGRAM * index;
      bytes.set(datagram, at);
    }
    this.#memory.aim(outgoing, index, at, datagram.length);
    this.#queued++;
    return true;
  }

  #flush(): void {
    const queued = this.#queued;
    this.#queued = 0;
    if (this.#closed) return;
    const { outgoing } = this.#memory;
    let done = 0;
    while (done < queued) {
      const from = outgoing.pointerFrom(done);
      const sent = this.#calls.sendmmsg(this.#fd, from, queued - done, MSG_DONTWAIT);
      if (sent > 0) {
        for (let i = done; i < done + sent; i++) {
          this.counts.sentDatagrams++;
          this.counts.sentBytes += this.#memory.lengthOf(outgoing, i);
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

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    this.#calls.close(this.#fd);
  }
}

const nothing = (): void => {};
