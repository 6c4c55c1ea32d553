import { isIP, SocketAddress } from 'node:net';
import { OvercallError } from '@overcall/wire';

export interface ListenAddress {
  host: string;
  port: number;
}

/** `IP:PORT` or `[IP]:PORT`; port 0 lets the system choose. @throws OvercallError `bad-address` */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? bare ?? '';
  if (isIP(host) !== (bracketed === undefined ? 4 : 6) || Number(port) > 65_535) {
    throw new OvercallError('bad-address', `--listen ${JSON.stringify(text)} is not IP:PORT or [IP]:PORT`);
  }
  return { host, port: Number(port) };
}

/** Addresses and CIDR blocks of proxies. @throws OvercallError `bad-address` */
export function checkProxies(proxies: readonly string[]): void {
  for (const text of proxies) {
    const [host = '', bits] = text.split('/', 2);
    const most = { 0: -1, 4: 32, 6: 128 }[isIP(host)] ?? -1;
    const isRight = most > 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
    if (isRight) continue;
    throw new OvercallError(
      'bad-address',
      `--trust-proxy ${JSON.stringify(text)} is no IP address or network`,
    );
  }
}

export function formatAddress({ host, port }: ListenAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104 (RFC 6890, RFC 4291). */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return false;
  const { address } = new SocketAddress({ address: host, family: family === 4 ? 'ipv4' : 'ipv6' });
  return address === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address);
}
