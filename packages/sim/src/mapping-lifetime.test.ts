import { LIFETIME_INTERVALS_S, LifetimeTest, type MappingLifetime } from '@overcall/traversal';
import { expect, it } from 'vitest';
import type { NatKind } from './scenario.ts';
import { SimulatedStunServer } from './simulated-discovery.test-support.ts';
import { World } from './world.ts';

/** How long mappings of such a NAT are found to live, and how long that took, s. */
function watch(kind: NatKind, lossPct = 0): { verdict: MappingLifetime | null; tookS: number } {
  const world = new World({ seed: 3 });
  const { server } = new SimulatedStunServer(world, world.host({ address: '203.0.113.10' }));
  const behind = world.nat({ ...kind, name: 'nat', address: '198.51.100.1', inside: '10.0.0.0/24' });
  const host = world.host({ address: '10.0.0.10', behind });
  world.link(behind, { delayMs: 20, lossPct });
  const sockets = Array.from({ length: LIFETIME_INTERVALS_S.length + 1 }, () => host.bind());
  const test = new LifetimeTest({
    server: server.addresses[0]!,
    intervalsS: LIFETIME_INTERVALS_S,
    random: (bytes) => Uint8Array.from({ length: bytes }, () => world.random.below(256)),
    nowMs: 0,
  });
  let disarm = () => {};
  const follow = () => {
    for (const { socket, to, datagram } of test.poll(world.now)) sockets[socket]!.send(to, datagram);
    disarm();
    if (test.deadline === Number.POSITIVE_INFINITY) return;
    disarm = world.at(test.deadline, () => {
      test.handleTimeout(world.now);
      follow();
    });
  };
  for (const [index, socket] of sockets.entries())
    socket.onDatagram = (datagram, from) => {
      test.handleDatagram(index, from, datagram, world.now);
      follow();
    };
  follow();
  world.runUntil(() => test.isOver, 200_000);
  return { verdict: test.verdict(), tookS: world.now / 1000 };
}

it.each([
  [5, 0, 10],
  [17, 15, 20],
  [30, 20, 30],
  [61, 60, 90],
  [119, 90, 120],
])('tells mappings that live for %i s', (lifetimeS, livesS, goneAfterS) => {
  for (const kind of [
    { mapping: 'eim', filtering: 'apdf' },
    { mapping: 'apdm', filtering: 'apdf', ports: 'random' },
    { mapping: 'adm', filtering: 'eif', ports: 'preserve' },
  ] as const) {
    const { verdict, tookS } = watch({ ...kind, lifetimeS });
    expect(verdict).toEqual({ livesS, goneAfterS });
    expect(tookS).toBeLessThan(goneAfterS + 5);
  }
});

it('tells of longer ones only that they are', () => {
  expect(watch({ mapping: 'eim', filtering: 'apdf', lifetimeS: 300 }).verdict).toEqual({
    livesS: 120,
    goneAfterS: null,
  });
});

it('bears some loss', () => {
  const { verdict } = watch({ mapping: 'eim', filtering: 'apdf', lifetimeS: 50 }, 5);
  expect(verdict).toEqual({ livesS: 45, goneAfterS: 60 });
});
