import { endianness } from 'node:os';

/**
 * System calls that Node has no function for. Pointers are bigints: a number as large as they are would be made anew for
 * each call.
 */
export interface LinuxCalls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, size: number): number;
  getsockname(fd: number, address: Uint8Array, size: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, size: number): number;
  close(fd: number): number;
  recvmmsg(fd: number, messages: bigint, count: number, flags: number, timeout: number): number;
  sendmmsg(fd: number, messages: bigint, count: number, flags: number): number;
  ppoll(descriptors: bigint, count: number, timeout: bigint, signals: number): number;
  /** Of the last call. */
  errno(): number;
  /** Where the memory of a buffer is: it stays there. */
  addressOf(buffer: ArrayBuffer): bigint;
  /**
   * Calls back in each turn of Node's event loop in which the descriptor can be read. It comes straight from the loop:
   * nothing that is thrown there reaches anybody, and promises and ticks wait for whatever Node does next.
   */
  watch(fd: number, onReadable: () => void): Watch;
  /** Numbers of errors by name. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface Watch {
  /** The descriptor may be closed at once. */
  close(): void;
}

let loaded: Promise<LinuxCalls | null> | undefined;

/** Null where there are none: elsewhere than on 64-bit Linux, or without the optional `koffi`. */
export function linuxCalls(): Promise<LinuxCalls | null> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<LinuxCalls | null> {
  const isKnown = endianness() === 'LE' && ['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch);
  if (process.platform !== 'linux' || !isKnown) return null;
  try {
    const { default: koffi } = await import('koffi');
    // Not documented by koffi as yet: where it is missing, so is the rest.
    if (typeof koffi.node?.poll !== 'function') return null;
    const libc = koffi.load(null);
    return {
      socket: libc.func('int socket(int domain, int type, int protocol)'),
      bind: libc.func('int bind(int fd, void *address, uint32_t size)'),
      getsockname: libc.func('int getsockname(int fd, void *address, void *size)'),
      setsockopt: libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t size)'),
      close: libc.func('int close(int fd)'),
      recvmmsg: libc.func(
        'int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)',
      ),
      sendmmsg: libc.func('int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)'),
      ppoll: libc.func(
        'int ppoll(uintptr_t descriptors, unsigned long count, uintptr_t timeout, uintptr_t signals)',
      ),
      errno: () => koffi.errno(),
      addressOf: (buffer) => BigInt(koffi.address(buffer)),
      watch: (fd, onReadable) => koffi.node.poll(fd, onReadable),
      errors: koffi.os.errno,
    };
  } catch {
    return null;
  }
}
