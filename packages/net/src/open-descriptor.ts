import { isIPv6 } from 'node:net';
import type { LinuxCalls } from './linux-calls.ts';
import { AF_INET, AF_INET6, addressAt, IPV6_BYTES, socketAddress } from './socket-address.ts';
import { BUFFER_BYTES, type UdpAddress } from './udp-socket.ts';

// Constants of Linux: linux/socket.h, linux/net.h, linux/in6.h, asm-generic/fcntl.h, asm-generic/socket.h.
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;

export interface OpenedDescriptor {
  fd: number;
  isV6: boolean;
  address: UdpAddress;
}

/**
 * A UDP socket that Node knows nothing of. An IPv6 one takes IPv6 alone.
 * @throws an error with the code of the system, such as EADDRINUSE
 */
export function openUdpDescriptor(calls: LinuxCalls, local: UdpAddress): OpenedDescriptor {
  const isV6 = isIPv6(local.address);
  const fd = calls.socket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(calls, 'socket', local);
  const set = (level: number, name: number, value: number) =>
    calls.setsockopt(fd, level, name, new Uint8Array(new Int32Array([value]).buffer), 4);
  const name = socketAddress(local);
  const bound = new Uint8Array(IPV6_BYTES);
  const size = new Uint8Array(new Int32Array([bound.length]).buffer);
  const steps: Record<string, () => number> = {
    setsockopt: () => (isV6 ? set(SOL_IPV6, IPV6_V6ONLY, 1) : 0),
    bind: () => calls.bind(fd, name, name.length),
    getsockname: () => calls.getsockname(fd, bound, size),
  };
  for (const [syscall, step] of Object.entries(steps)) {
    if (step() >= 0) continue;
    const error = systemError(calls, syscall, local);
    calls.close(fd);
    throw error;
  }
  // The kernel grants what it may; less does, too.
  set(SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
  set(SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
  return { fd, isV6, address: addressAt(bound, 0, isV6) };
}

/** As Node's own. */
function systemError(calls: LinuxCalls, syscall: string, { address, port }: UdpAddress): Error {
  const number = calls.errno();
  const code = Object.keys(calls.errors).find((name) => calls.errors[name] === number) ?? `errno ${number}`;
  return Object.assign(new Error(`${syscall} ${code} ${address}:${port}`), { code, syscall, address, port });
}
