import { endianness } from 'node:os';
import { openUdpDescriptor } from './open-descriptor.ts';

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
   * nothing that is thrown there reaches anybody. koffi 3.3 gives promises and ticks their turn afterwards, and does not promise it.
   */
  watch(fd: number, onReadable: () => void): Watch;
  /** Numbers of errors by name. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface Watch {
  /** The descriptor may be closed at once. */
  close(): void;
}

type Koffi = typeof import('koffi').default;

let loaded: Promise<LinuxCalls | string> | undefined;

/** Where there are none, why: elsewhere than on 64-bit Linux, without the optional `koffi`, or with one that lacks what is needed. */
export function linuxCalls(): Promise<LinuxCalls | string> {
  loaded ??= loadLinuxCalls();
  return loaded;
}

export async function loadLinuxCalls(
  importKoffi: () => Promise<{ default: Koffi }> = () => import('koffi'),
): Promise<LinuxCalls | string> {
  const isKnown = endianness() === 'LE' && ['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch);
  if (process.platform !== 'linux' || !isKnown) return 'this is no 64-bit Linux';
  const koffi = await importKoffi().then(
    (imported) => imported.default,
    () => null,
  );
  if (koffi === null) return 'the package koffi is not installed';
  try {
    const calls = callsBy(koffi);
    tryWatch(calls);
    return calls;
  } catch (error) {
    return `koffi cannot do it: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function callsBy(koffi: Koffi): LinuxCalls {
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
}

/** koffi does not document its `poll` as yet: whether it is there, and works, shows here, before anything depends on it. */
function tryWatch(calls: LinuxCalls): void {
  const { fd } = openUdpDescriptor(calls, { address: '127.0.0.1', port: 0 });
  try {
    calls.watch(fd, () => {}).close();
  } finally {
    calls.close(fd);
  }
}
