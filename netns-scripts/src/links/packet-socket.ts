import { closeSync, openSync } from 'node:fs';
import { endianness } from 'node:os';
import koffi from 'koffi';

// Constants of Linux: linux/if_packet.h, asm-generic/socket.h, sched.h, linux/prctl.h, poll.h.
const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SO_TIMESTAMPNS = 35;
const SOL_PACKET = 263;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
const CLONE_NEWNET = 0x40000000;
const PR_SET_TIMERSLACK = 29;
const MSG_DONTWAIT = 0x40;
const CLOCK_REALTIME = 0;
const POLLIN = 1;
const EINTR = 4;
const EAGAIN = 11;
/** While the far end of a wire is being removed. */
const GOING = [6 /* ENXIO */, 19 /* ENODEV */, 100 /* ENETDOWN */, 105 /* ENOBUFS */];

/** Of struct virtio_net_hdr, which stands before each frame (see {@link PacketSocket}). */
export const VNET_HEADER = 10;

// Receive memory: an array of struct mmsghdr (of a 64-bit machine), then for each a slot with struct iovec, struct
// sockaddr_ll, a control message with the time stamp, and the frame. Frames of 64 KiB do not occur, but must not be
// cut off if they did.
const HEADER = 64;
const IOV = 0;
const ADDRESS = 16;
const CONTROL = 40;
const CONTROL_SIZE = 64;
const FRAME = 104;
const FRAME_SIZE = VNET_HEADER + 65_550;
const SLOT = FRAME + FRAME_SIZE;
const SLOTS = 32;
const MEMORY = (HEADER + SLOT) * SLOTS;
const RECEIVE_BUFFER = 8 << 20;
/** A time stamp older than this is a step of the wall clock. */
const OLDEST_MS = 200;

const libc = koffi.load(null);
const setns = libc.func('int setns(int fd, int type)');
const prctl = libc.func('int prctl(int option, unsigned long value)');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t size)');
const ppoll = libc.func('int ppoll(void *fds, unsigned long count, void *timeout, void *mask)');
const recvmmsg = libc.func('int recvmmsg(int fd, void *messages, uint32_t count, int flags, void *timeout)');
const sendto = libc.func(
  'long sendto(int fd, void *frame, size_t size, int flags, void *address, uint32_t addressSize)',
);
const clockGettime = libc.func('int clock_gettime(int clock, void *time)');

const int32 = (value: number): Buffer => Buffer.from(new Int32Array([value]).buffer);

function check(result: number, what: string): number {
  if (result >= 0) return result;
  const number = koffi.errno();
  const [name] = Object.entries(koffi.os.errno).find(([, value]) => value === number) ?? [`error ${number}`];
  throw new Error(`${what}: ${name}`);
}

/**
 * All frames that come out of the interfaces of one network namespace, and a way to send frames into them. Each frame
 * has a virtio_net_hdr before it (PACKET_VNET_HDR), in which the kernel says that a checksum is still to be
 * filled in. Handed back with the frame, it spares everybody from turning checksum offload off.
 */
export class PacketSocket {
  readonly #fd: number;
  readonly #memory: bigint;
  readonly #headers: Buffer[];
  readonly #slots: Buffer[];
  readonly #time = Buffer.alloc(16);
  readonly #polled = Buffer.alloc(16);
  readonly #target = Buffer.alloc(20);

  /** Moves the calling thread into the namespace. */
  constructor(namespace: string, controlFd: number) {
    if (endianness() !== 'LE' || !['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch))
      throw new Error(`links are not supported on ${process.arch}`);
    const namespaceFd = openSync(namespace, 'r');
    check(setns(namespaceFd, CLONE_NEWNET), `entering ${namespace}`);
    closeSync(namespaceFd);
    prctl(PR_SET_TIMERSLACK, 1); // in ns; the default of 50 us would make every packet late
    this.#fd = check(socket(AF_PACKET, SOCK_RAW, ETH_P_ALL << 8), 'packet socket');
    // A socket does not hear itself, but it would hear what the kernel says from these interfaces.
    this.#option(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    this.#option(SOL_PACKET, PACKET_VNET_HDR, 1);
    this.#option(SOL_SOCKET, SO_TIMESTAMPNS, 1);
    // As much as there may be: the second is for the privileged (and for newer kernels, in any lab).
    this.#option(SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(RECEIVE_BUFFER), 4);
    const memory = koffi.alloc('uint8_t', MEMORY);
    this.#memory = koffi.address(memory);
    const bytes = Buffer.from(koffi.view(memory, MEMORY)).fill(0);
    const part = (at: number, size: number) => bytes.subarray(at, at + size);
    this.#headers = Array.from({ length: SLOTS }, (_, i) => part(HEADER * i, HEADER));
    this.#slots = Array.from({ length: SLOTS }, (_, i) => part(HEADER * SLOTS + SLOT * i, SLOT));
    for (let i = 0; i < SLOTS; i++) this.#prepare(i);
    this.#polled.writeInt32LE(this.#fd, 0);
    this.#polled.writeInt32LE(controlFd, 8);
    for (const at of [4, 12]) this.#polled.writeInt16LE(POLLIN, at);
    this.#target.writeUInt16LE(AF_PACKET, 0);
  }

  #option(level: number, name: number, value: number): void {
    check(setsockopt(this.#fd, level, name, int32(value), 4), `socket option ${level}/${name}`);
  }

  /** Sleeps until frames, or bytes on the control descriptor, can be read, or the time is over. */
  wait(timeoutMs: number): { frames: boolean; control: boolean } {
    let timeout: Buffer | null = null;
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      const wholeS = Math.floor(timeoutMs / 1000);
      this.#time.writeUInt32LE(wholeS, 0);
      this.#time.writeUInt32LE(Math.floor((timeoutMs - 1000 * wholeS) * 1e6), 8);
      timeout = this.#time;
    }
    const ready = ppoll(this.#polled, 2, timeout, null);
    if (ready < 0 && koffi.errno() !== EINTR) check(ready, 'poll');
    if (ready <= 0) return { frames: false, control: false };
    return { frames: this.#polled.readInt16LE(6) !== 0, control: this.#polled.readInt16LE(14) !== 0 };
  }

  /** Reads what has arrived, at most one batch, and returns whether there may be more. `frame` is valid during the call only. */
  receive(handle: (frame: Buffer, interfaceIndex: number, arrivedAtMs: number) => void): boolean {
    const count = recvmmsg(this.#fd, this.#memory, SLOTS, MSG_DONTWAIT, null);
    if (count < 0 && ![EAGAIN, EINTR, ...GOING].includes(koffi.errno())) check(count, 'receive');
    if (count <= 0) return false;
    clockGettime(CLOCK_REALTIME, this.#time);
    const nowMs = performance.now();
    for (let i = 0; i < count; i++) {
      const slot = this.#slots[i]!;
      const frame = slot.subarray(FRAME, FRAME + this.#headers[i]!.readUInt32LE(56));
      handle(frame, slot.readInt32LE(ADDRESS + 4), nowMs - this.#ageMs(slot));
      this.#prepare(i);
    }
    return count === SLOTS;
  }

  /** How long ago the kernel received the frame: a shaper that was kept waiting must not add that to the delay. */
  #ageMs(slot: Buffer): number {
    if (slot.readInt32LE(CONTROL + 12) !== SO_TIMESTAMPNS) return 0;
    const seconds = this.#time.readUInt32LE(0) - slot.readUInt32LE(CONTROL + 16);
    const nanoseconds = this.#time.readUInt32LE(8) - slot.readUInt32LE(CONTROL + 24);
    const ageMs = 1e3 * seconds + nanoseconds / 1e6;
    return ageMs >= 0 && ageMs <= OLDEST_MS ? ageMs : 0;
  }

  /** Fills in what the kernel overwrites with each message, and the pointers to it. */
  #prepare(index: number): void {
    const [header, slot] = [this.#headers[index]!, this.#slots[index]!];
    const base = this.#memory + BigInt(HEADER * SLOTS + SLOT * index);
    slot.fill(0, CONTROL, FRAME);
    header.writeBigUInt64LE(base + BigInt(ADDRESS), 0);
    header.writeUInt32LE(20, 8);
    header.writeBigUInt64LE(base + BigInt(IOV), 16);
    header.writeUInt32LE(1, 24);
    header.writeBigUInt64LE(base + BigInt(CONTROL), 32);
    header.writeUInt32LE(CONTROL_SIZE, 40);
    slot.writeBigUInt64LE(base + BigInt(FRAME), IOV);
    slot.writeUInt32LE(FRAME_SIZE, IOV + 8);
  }

  /** @param frame as it was received, its header with it */
  send(frame: Buffer, interfaceIndex: number): void {
    frame.copy(this.#target, 2, VNET_HEADER + 12, VNET_HEADER + 14); // the EtherType
    this.#target.writeInt32LE(interfaceIndex, 4);
    const sent = sendto(this.#fd, frame, frame.length, MSG_DONTWAIT, this.#target, this.#target.length);
    if (sent < 0 && ![EAGAIN, EINTR, ...GOING].includes(koffi.errno())) check(Number(sent), 'send');
  }
}
