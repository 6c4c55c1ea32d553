import { randomBytes } from 'node:crypto';
import { hmacSha256, monotonicMs } from '@overcall/net';
import { BindCookies } from '@overcall/overlay';
import { StunService, stunSites } from '@overcall/traversal';
import { stunOrigins } from './listen-addresses.ts';
import type { OpenedSockets } from './sockets.ts';
import type { StunDriverOptions } from './stun-driver.ts';
import type { UdpDriver } from './udp-driver.ts';

/** STUN is answered on all UDP sockets from now on. */
export function startStun(
  driver: UdpDriver,
  { udp, alternate }: OpenedSockets,
  publicUdp: readonly string[],
  options: Omit<StunDriverOptions, 'service' | 'send' | 'drop'>,
): void {
  const origins = stunOrigins(publicUdp, udp, alternate);
  const sites = [...udp, ...alternate].map(({ address }, index) => ({
    address,
    isAlternate: index >= udp.length,
    origin: origins[index]!,
  }));
  // Cookies of their own: one for STUN binds no flow.
  const cookies = new BindCookies({ hmacSha256, randomBytes }, monotonicMs());
  const service = new StunService(stunSites(sites), {
    make: (source, nowMs) => cookies.make({ ...source, socket: 0 }, 0, nowMs),
    verify: (cookie, source, nowMs) => cookies.verify(cookie, { ...source, socket: 0 }, 0, nowMs),
  });
  driver.startStun({ ...options, service });
}
