import koffi from 'koffi';

// Constants of Linux: linux/if_packet.h, linux/if_ether.h, asm-generic/socket.h.
const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_IPV4 = 0x0800;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SO_SNDBUFFORCE = 32;
const SO_TIMESTAMPNS = 35;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_QDISC_BYPASS = 20;
const PACKET_IGNORE_OUTGOING = 23;
const MSG_DONTWAIT = 0x40;
const CLOCK_REALTIME = 0;

// Memory of one message: struct mmsghdr, struct iovec, a control message with the time stamp, the frame.
const HEADER = 64;
const IOV = 16;
const CONTROL = 64;
const FRAME = 1536;
const RECEIVE_SLOTS = 64;
const SOCKET_BUFFER = 64 << 20;

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t size)');
const getsockopt = libc.func('int getsockopt(int fd, int level, int name, void *value, void *size)');
const bind = libc.func('int bind(int fd, void *address, uint32_t size)');
const recvmmsg = libc.func(
  'int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)',
);
const sendmmsg = libc.func('int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)');
const clockGettime = libc.func('int clock_gettime(int clock, void *time)');

/** Messages of struct mmsghdr one after another, and what they point to. */
class Messages {
  readonly address: number;
  /** Bytes between the frames of two messages. */
  readonly framesAt: number;
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly controlsAt: number;

  constructor(count: number, withControl: boolean) {
    const iovsAt = HEADER * count;
    this.controlsAt = iovsAt + IOV * count;
    this.framesAt = this.controlsAt + CONTROL * count;
    const size = this.framesAt + FRAME * count;
    const memory = new ArrayBuffer(size);
    this.address = Number(koffi.address(memory));
    this.bytes = Buffer.from(memory);
    this.view = new DataView(memory);
    for (let i = 0; i < count; i++) {
      const header = HEADER * i;
      const iov = iovsAt + IOV * i;
      this.#point(header + 16, iov);
      this.bytes.writeUInt32LE(1, header + 24);
      if (withControl) this.#point(header + 32, this.controlsAt + CONTROL * i);
      this.#point(iov, this.framesAt + FRAME * i);
      this.bytes.writeUInt32LE(FRAME, iov + 8);
    }
  }

  #point(at: number, to: number): void {
    this.bytes.writeBigUInt64LE(BigInt(this.address + to), at);
  }

  frame(index: number): Buffer {
    const at = this.framesAt + FRAME * index;
    return this.bytes.subarray(at, at + FRAME);
  }
}

/** Frames that are sent again and again, in turn. */
export class SendRing {
  readonly count: number;
  readonly messages: Messages;
  readonly lengths: number[];

  constructor(frames: readonly Buffer[]) {
    this.count = frames.length;
    this.messages = new Messages(frames.length, false);
    this.lengths = frames.map(({ length }) => length);
    for (const [i, frame] of frames.entries()) {
      frame.copy(this.messages.frame(i));
      this.messages.bytes.writeUInt32LE(frame.length, HEADER * this.count + IOV * i + 8);
    }
  }

  /** Writes a number into the last bytes of a frame but `fromEnd`. */
  stamp(index: number, fromEnd: number, value: number): void {
    const { framesAt, view } = this.messages;
    view.setFloat64(framesAt + FRAME * index + this.lengths[index]! - fromEnd, value, true);
  }
}

/**
 * One interface, frame by frame, many with each system call: a load generator with a thousand addresses and no
 * sockets for them. The kernel says when a frame arrived.
 */
export class PacketPort {
  readonly #fd: number;
  readonly #received = new Messages(RECEIVE_SLOTS, true);
  readonly #time = Buffer.alloc(16);
  /** What to add to `performance.now()` for the wall clock, ms. */
  #wallMs = 0;

  constructor(interfaceIndex: number) {
    this.#fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (this.#fd < 0) throw new Error('no packet socket: root or a user namespace is needed');
    this.#option(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    this.#option(SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    this.#option(SOL_SOCKET, SO_TIMESTAMPNS, 1);
    this.#option(SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER);
    this.#option(SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER);
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_IPV4, 2);
    address.writeInt32LE(interfaceIndex, 4);
    if (bind(this.#fd, address, address.length) < 0) throw new Error('cannot bind the packet socket');
    this.synchronize();
  }

  #option(level: number, name: number, value: number): void {
    const result = setsockopt(this.#fd, level, name, Buffer.from(new Int32Array([value]).buffer), 4);
    if (result < 0) throw new Error(`socket option ${level}/${name}: errno ${koffi.errno()}`);
  }

  /** Compares the clocks. */
  synchronize(): void {
    clockGettime(CLOCK_REALTIME, this.#time);
    this.#wallMs = this.#time.readUInt32LE(0) * 1000 + this.#time.readUInt32LE(8) / 1e6 - performance.now();
  }

  /** Sends some frames of a ring, from one on, without turning over its end. Returns how many the kernel took. */
  send(ring: SendRing, from: number, count: number): number {
    return sendmmsg(this.#fd, ring.messages.address + HEADER * from, count, MSG_DONTWAIT);
  }

  /**
   * Reads what has arrived, at most one batch. `handle` gets the frame's place in `view`, its length, and the time of
   * its arrival on the clock of `performance.now()`.
   */
  receive(handle: (view: DataView, at: number, length: number, arrivedAtMs: number) => void): number {
    const { address, view, controlsAt, framesAt } = this.#received;
    for (let i = 0; i < RECEIVE_SLOTS; i++) view.setUint32(HEADER * i + 40, CONTROL, true);
    const count = recvmmsg(this.#fd, address, RECEIVE_SLOTS, MSG_DONTWAIT, 0);
    for (let i = 0; i < count; i++) {
      const control = controlsAt + CONTROL * i;
      const arrivedAtMs =
        view.getUint32(control + 16, true) * 1000 + view.getUint32(control + 24, true) / 1e6 - this.#wallMs;
      handle(view, framesAt + FRAME * i, view.getUint32(HEADER * i + 56, true), arrivedAtMs);
    }
    return Math.max(count, 0);
  }

  /** Frames that this end could not take since the last question. */
  drops(): number {
    const statistics = Buffer.alloc(8);
    const size = Buffer.from(new Uint32Array([8]).buffer);
    getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, statistics, size);
    return statistics.readUInt32LE(4);
  }
}
