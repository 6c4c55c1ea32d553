import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';

export interface LocalAddress {
  address: string;
  family: 'ipv4' | 'ipv6';
  /** Its network in CIDR notation. */
  network: string;
}

/** Addresses that others might use: no loopback, no link-local ones. */
export function localAddresses(): LocalAddress[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !/^(fe[89ab].:|169\.254\.)/i.test(address))
    .flatMap(({ address, family, cidr }) =>
      cidr === null ? [] : [{ address, family: family === 'IPv6' ? 'ipv6' : 'ipv4', network: cidr }],
    );
}

/** Any address beyond the default route will do: connecting a UDP socket sends nothing. */
const FAR_AWAY = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' } as const;

/** The local address that datagrams to the Internet leave from; null without a route there. */
export async function addressTowardsInternet(family: 'ipv4' | 'ipv6'): Promise<string | null> {
  const socket = createSocket(family === 'ipv6' ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      // A callback of `connect` would be called with the error, and there would be no event.
      socket.once('error', reject).once('connect', resolve);
      socket.connect(9, FAR_AWAY[family]);
    });
    return socket.address().address;
  } catch {
    return null;
  } finally {
    socket.close();
  }
}
