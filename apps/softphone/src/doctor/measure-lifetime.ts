import { randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { SupernodeEntry } from '@overcall/identity';
import { DeadlineTimer, monotonicMs, UdpSocket } from '@overcall/net';
import {
  formatAddressPort,
  LIFETIME_INTERVALS_S,
  LifetimeTest,
  type MappingLifetime,
  parseAddressPort,
} from '@overcall/traversal';

/** The longest that can be watched, s. */
export const LONGEST_LIFETIME_S = Math.max(...LIFETIME_INTERVALS_S);
/** The shortest, s. */
export const SHORTEST_LIFETIME_S = Math.min(...LIFETIME_INTERVALS_S);

/**
 * Watches for how long the NAT keeps mappings without a packet, over IPv4; it takes as long, at most `longestS` and a
 * little. Null when there is no server, or none answers.
 */
export async function measureLifetime(
  entries: readonly SupernodeEntry[],
  longestS: number,
): Promise<MappingLifetime | null> {
  const server = entries
    .flatMap(({ udp }) => udp)
    .find((udp) => isIPv4(parseAddressPort(udp)?.address ?? ''));
  if (server === undefined) return null;
  const intervalsS = LIFETIME_INTERVALS_S.filter((intervalS) => intervalS <= longestS);
  const over = Promise.withResolvers<void>();
  let test: LifetimeTest | null = null;
  const timer = new DeadlineTimer(() => {
    test?.handleTimeout(monotonicMs());
    follow();
  });
  const bind = (_: unknown, socket: number) =>
    UdpSocket.bind({ address: '0.0.0.0', port: 0 }, (datagram, source) => {
      test?.handleDatagram(socket, formatAddressPort(source), datagram, monotonicMs());
      follow();
    });
  const sockets = await Promise.all(Array.from({ length: intervalsS.length + 1 }, bind));
  const follow = () => {
    if (test === null) return;
    for (const { socket, to, datagram } of test.poll(monotonicMs()))
      sockets[socket]!.send(datagram, parseAddressPort(to)!);
    timer.set(test.isOver ? null : test.deadline);
    if (test.isOver) over.resolve();
  };
  test = new LifetimeTest({ server, intervalsS, random: randomBytes, nowMs: monotonicMs() });
  follow();
  await over.promise;
  timer.set(null);
  await Promise.all(sockets.map((socket) => socket.close()));
  return test.verdict();
}
