import { endianness } from 'node:os';

/** System calls that Node has no function for. Pointers are numbers: below 2^53 on every machine that this runs on. */
export interface LinuxCalls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, size: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, size: number): number;
  close(fd: number): number;
  recvmmsg(fd: number, messages: number, count: number, flags: number, timeout: number): number;
  sendmmsg(fd: number, messages: number, count: number, flags: number): number;
  /** Of the last call. */
  errno(): number;
  /** Where the memory of a buffer is: it stays there. */
  addressOf(buffer: ArrayBuffer): number;
  /** Numbers of errors by name. */
  readonly errors: Readonly<Record<string, number>>;
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
    const libc = koffi.load(null);
    return {
      socket: libc.func('int socket(int domain, int type, int protocol)'),
      bind: libc.func('int bind(int fd, void *address, uint32_t size)'),
      setsockopt: libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t size)'),
      close: libc.func('int close(int fd)'),
      recvmmsg: libc.func(
        'int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)',
      ),
      sendmmsg: libc.func('int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)'),
      errno: () => koffi.errno(),
      addressOf: (buffer) => Number(koffi.address(buffer)),
      errors: koffi.os.errno,
    };
  } catch {
    return null;
  }
}
