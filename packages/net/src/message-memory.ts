import type { LinuxCalls } from './linux-calls.ts';

// Layout of memory: arrays of struct mmsghdr (of a 64-bit machine: 0 name, 8 its length, 16 vector, 24 its length,
// 40 control length, 48 flags, 56 bytes received), struct iovec (0 base, 8 length), struct sockaddr, and datagrams.
export const HEADER = 64;
const VECTOR = 16;
export const NAME = 32;
/** Longer ones are cut off; nobody takes more than 1,232 bytes. */
export const DATAGRAM = 2048;
const SLOT = HEADER + VECTOR + NAME + DATAGRAM;
/** struct pollfd (0 descriptor, 4 events), struct timespec (0 seconds, 8 nanoseconds). */
const POLL = 8;
const TIME = 16;
const POLLIN = 1;

/** Room for the messages of one system call, all pointers set. */
export class Messages {
  readonly count: number;
  /** Where the headers are, for the system. */
  readonly pointer: bigint;
  readonly headers: number;
  readonly vectors: number;
  readonly names: number;
  readonly datagrams: number;

  constructor(base: bigint, at: number, count: number) {
    this.count = count;
    this.pointer = base + BigInt(at);
    this.headers = at;
    this.vectors = at + HEADER * count;
    this.names = this.vectors + VECTOR * count;
    this.datagrams = this.names + NAME * count;
  }

  /** For a call that leaves the first ones out. */
  pointerFrom(index: number): bigint {
    return index === 0 ? this.pointer : this.pointer + BigInt(HEADER * index);
  }
}

/** Memory that the system reads and writes, for messages that come in and others that go out. It stays where it is. */
export class MessageMemory {
  readonly memory: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly incoming: Messages;
  readonly outgoing: Messages;
  /** For ppoll: the descriptor of {@link setWait}, to be read, and for how long it is waited for that. */
  readonly readable: bigint;
  readonly patience: bigint;
  readonly #base: number;

  /** @param nameBytes of a struct sockaddr of the socket's family */
  constructor(calls: LinuxCalls, incoming: number, outgoing: number, nameBytes: number) {
    this.memory = new ArrayBuffer(SLOT * (incoming + outgoing) + POLL + TIME);
    this.bytes = new Uint8Array(this.memory);
    this.words = new Int32Array(this.memory);
    const base = calls.addressOf(this.memory);
    // Below 2^53 on every machine that this runs on.
    this.#base = Number(base);
    this.incoming = new Messages(base, 0, incoming);
    this.outgoing = new Messages(base, SLOT * incoming, outgoing);
    this.readable = base + BigInt(SLOT * (incoming + outgoing));
    this.patience = this.readable + BigInt(POLL);
    this.#prepare(this.incoming, nameBytes);
    this.#prepare(this.outgoing, nameBytes);
  }

  /** The pointers, which stay. */
  #prepare(messages: Messages, nameBytes: number): void {
    for (let i = 0; i < messages.count; i++) {
      const header = (messages.headers + HEADER * i) >> 2;
      this.#point(header, messages.names + NAME * i);
      this.words[header + 2] = nameBytes;
      this.#point(header + 4, messages.vectors + VECTOR * i);
      this.words[header + 6] = 1;
      this.aim(messages, i, messages.datagrams + DATAGRAM * i, DATAGRAM);
    }
  }

  setWait(fd: number, ms: number): void {
    const at = (this.memory.byteLength - POLL - TIME) >> 2;
    this.words.set([fd, POLLIN, 0, 0, Math.round(1e6 * ms), 0], at);
  }

  /** What a message is made of, or takes: so many bytes of this memory from there. */
  aim({ vectors }: Messages, index: number, at: number, length: number): void {
    const vector = (vectors + VECTOR * index) >> 2;
    this.#point(vector, at);
    this.words[vector + 2] = length;
  }

  /** Of a message that goes out. */
  lengthOf({ vectors }: Messages, index: number): number {
    return this.words[((vectors + VECTOR * index) >> 2) + 2]!;
  }

  /** Writes a pointer to a place of this memory. */
  #point(word: number, to: number): void {
    const pointer = this.#base + to;
    this.words[word] = pointer | 0;
    this.words[word + 1] = Math.floor(pointer / 2 ** 32);
  }
}
