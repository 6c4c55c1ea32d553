import { describe, expect, it } from 'vitest';
import { MOVE_PATIENCE_MS, MOVE_SPREAD_MS } from './attach/moves.ts';
import { CHAIN, World } from './control-world.test-support.ts';

describe('when everybody comes at once', () => {
  const attachGate = { checks: { perSecond: 10, burst: 5 }, maxWaitMs: 3000 };
  const crowd = (size: number, attached: string[] = []) => {
    const world = new World({ attachGate });
    for (const name of attached) world.attach(name);
    const connections = Array.from({ length: size }, () => world.connect());
    world.wait(1000);
    for (const connection of connections)
      world.say(connection, { t: 'attach', chain: CHAIN, proof: 'p.r.f' });
    return { world, connections };
  };
  const codesOf = (world: World, connections: number[]) =>
    connections.map((connection) => world.last(connection)).filter((message) => message?.t === 'refused');

  it('checks at its rate, sends those beyond its queue away until later, and answers the attached', () => {
    const { world, connections } = crowd(50, ['alice']);
    expect(world.checks.length).toBe(1 + 5);
    const refused = codesOf(world, connections);
    expect(refused).toHaveLength(50 - 5 - 30);
    expect(refused.every((message) => message?.t === 'refused' && message.code === 'overloaded')).toBe(true);
    expect(refused.every((message) => message?.t === 'refused' && message.retryAfterMs! > 0)).toBe(true);
    world.say(1, { t: 'ping', id: 7 });
    expect(world.last(1)).toEqual({ t: 'pong', id: 7 });
    world.wait(1000);
    expect(world.checks.length).toBe(1 + 5 + 10);
    world.wait(2100);
    expect(world.checks.length).toBe(1 + 5 + 30);
    expect(world.plane.waitingAttaches).toBe(0);
  });

  it('checks nothing of those who have gone meanwhile', () => {
    const { world, connections } = crowd(20);
    for (const connection of connections) world.plane.handleDisconnect(connection);
    world.wait(3000);
    expect(world.checks.length).toBe(5);
    expect(world.plane.connections).toBe(0);
  });

  it('says when to come again where there is no room', () => {
    const world = new World({ maxAttachments: 1 });
    world.attach('alice');
    expect(world.last(world.attach('bob'))).toMatchObject({ code: 'overloaded', retryAfterMs: 30_000 });
  });

  it('asks some of those attached to go elsewhere while its load is too high', () => {
    const world = new World({ maxAttachments: 20 });
    const connections = Array.from({ length: 19 }, (_, index) =>
      world.attach(`${'abcdefghijklmnopqrs'[index]}`),
    );
    const asked = () => connections.filter((connection) => world.last(connection)?.t === 'move').length;
    world.wait(3000);
    expect(asked()).toBeGreaterThanOrEqual(2);
    expect(asked()).toBeLessThanOrEqual(4);
    expect(world.last(connections[0]!)).toMatchObject({ t: 'move', reason: 'overloaded' });
  });
});

describe('draining', () => {
  it('asks everybody once to go, and is empty when they have gone or cannot', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    for (let times = 0; times < 2; times++) world.follow(world.plane.drain(world.nowMs));
    for (const connection of [alice, bob])
      expect(world.messages(connection).filter(({ t }) => t === 'move')).toEqual([
        { t: 'move', reason: 'draining', withinMs: MOVE_SPREAD_MS },
      ]);
    world.plane.handleDisconnect(alice);
    expect(world.plane.isEmptied(world.nowMs)).toBe(false);
    expect(world.plane.isEmptied(world.nowMs + MOVE_PATIENCE_MS)).toBe(true);
    world.plane.handleDisconnect(bob);
    expect(world.plane.isEmptied(world.nowMs)).toBe(true);
  });
});
