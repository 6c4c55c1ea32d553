import { LinkMessage } from '@overcall/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEAD_AFTER_MS, HANDSHAKE_TIMEOUT_MS, IDLE_MS, MAX_ON_DEMAND, MAX_PENDING } from './link-limits.ts';
import { fakeProof, idOf, LinksWorld, pinged, type TestNode } from './links-world.test-support.ts';

const codes = (messages: readonly { message: LinkMessage }[]) =>
  messages.map(({ message }) => (message as { code?: string }).code);
const pair = (seed = 1) => {
  const world = new LinksWorld(2, seed);
  const [a, b] = world.nodes as [TestNode, TestNode];
  return { world, a, b };
};
const linkedTo = (node: TestNode) => [...node.links.linked].map(Number).sort((x, y) => x - y);

describe('a message for a supernode that is not linked', () => {
  it('opens a link, waits for it, and arrives in order with those that follow', () => {
    const { world, a, b } = pair();
    for (const text of ['one', 'two', 'three']) a.deliver(b, text);
    world.run(400);
    expect(codes(b.received)).toEqual(['one', 'two', 'three']);
    expect(b.received[0]!.from).toBe(a.id);
    expect([a.dials, b.dials, a.links.size, b.links.size]).toEqual([1, 0, 1, 1]);
    b.deliver(a, 'back');
    world.run(100);
    expect(codes(a.received)).toEqual(['back']);
    expect([a.events, b.events]).toEqual([['up 1'], ['up 0']]);
  });

  it('fails at once when nobody listens there, and for a while after', () => {
    const { world, a, b } = pair();
    world.kill(b, 'process');
    a.deliver(b, 'one');
    world.run(150);
    expect(a.failed).toMatchObject([{ to: b.id, code: 'no-link' }]);
    expect(a.links.isAlive(b.id)).toBe(false);
    a.deliver(b, 'two');
    expect(codes(a.failed)).toEqual(['one', 'two']);
    expect(a.dials).toBe(1);
    world.run(1100);
    a.deliver(b, 'three');
    expect(a.dials).toBe(2);
  });

  it('fails after two seconds when nothing comes back', () => {
    const { world, a, b } = pair();
    world.isCut = () => true;
    a.deliver(b);
    world.run(1900);
    expect(a.failed).toEqual([]);
    world.run(400);
    expect(a.failed).toHaveLength(1);
    expect(a.links.isAlive(b.id)).toBe(true);
    world.run(HANDSHAKE_TIMEOUT_MS);
    expect(a.links.isAlive(b.id)).toBe(false);
    expect(a.links.connections).toBe(0);
  });

  it('gives way to later ones when too many wait', () => {
    const { world, a, b } = pair();
    for (let i = 0; i < MAX_PENDING + 3; i++) a.deliver(b, `m${i}`);
    expect(codes(a.failed)).toEqual(['m0', 'm1', 'm2']);
    expect(a.failed[0]!.code).toBe('overloaded');
    world.run(400);
    expect(codes(b.received)).toHaveLength(MAX_PENDING);
  });

  it('goes to nobody who is not in the list, nor to oneself', () => {
    const { world, a, b } = pair();
    world.list([a]);
    a.deliver(b);
    a.deliver(a);
    expect(a.failed.map(({ code }) => code)).toEqual(['no-link', 'no-link']);
    expect(a.dials).toBe(0);
  });

  it('fails when too much waits on the link already', () => {
    const { world, a, b } = pair();
    a.deliver(b);
    world.run(400);
    for (const link of a.ends.keys()) a.backlog.set(link, 2_000_000);
    a.deliver(b, 'late');
    expect(a.failed).toMatchObject([{ code: 'overloaded' }]);
  });
});

describe('two links that cross', () => {
  it.each([0, 5, 20, 39, 60, 100, 119, 140, 200])('become one, %d ms apart, and lose nothing', (apart) => {
    const { world, a, b } = pair();
    // What the other side says meanwhile waits.
    world.checkMs = 15;
    a.deliver(b, 'to-b');
    world.run(apart);
    b.deliver(a, 'to-a');
    for (let i = 0; i < 20; i++) {
      world.run(25);
      a.deliver(b, `b${i}`);
      b.deliver(a, `a${i}`);
    }
    world.run(3000);
    expect([a.ends.size, b.ends.size, a.links.connections, b.links.connections]).toEqual([1, 1, 1, 1]);
    const numbers = [...Array(20).keys()];
    expect(codes(b.received).sort()).toEqual(['to-b', ...numbers.map((i) => `b${i}`)].sort());
    expect(codes(a.received).sort()).toEqual(['to-a', ...numbers.map((i) => `a${i}`)].sort());
    expect([...a.failed, ...b.failed]).toEqual([]);
    expect([a.events, b.events]).toEqual([['up 1'], ['up 0']]);
  });

  it.each([0, 1])('are no reason to turn away %d, which has lost its end of the old one', (index) => {
    const { world, a, b } = pair();
    a.want(b);
    world.run(10_000);
    const [lost, kept] = index === 0 ? [a, b] : [b, a];
    world.kill(lost, 'host');
    const fresh = world.restart(lost);
    fresh.deliver(kept, 'again');
    world.run(400);
    kept.deliver(fresh, 'welcome');
    world.run(400);
    expect([codes(kept.received), codes(fresh.received)]).toEqual([['again'], ['welcome']]);
  });
});

describe('the death of a supernode', () => {
  it('is known at once when its process dies, and so is its return', () => {
    const { world, a, b } = pair();
    a.want(b);
    world.run(5000);
    world.kill(b, 'process');
    world.run(700);
    expect([a.links.isAlive(b.id), a.links.size]).toEqual([false, 0]);
    const again = world.restart(b);
    world.run(5000);
    expect([a.links.isAlive(b.id), linkedTo(a), linkedTo(again)]).toEqual([true, [1], [0]]);
    expect(a.events).toEqual(['up 1', 'down 1', 'up 1']);
  });

  it('is known within five seconds when its host dies', () => {
    const { world, a, b } = pair();
    a.want(b);
    world.run(20_000);
    world.kill(b, 'host');
    world.run(DEAD_AFTER_MS - 1600);
    expect(a.links.isAlive(b.id)).toBe(true);
    world.run(2000);
    expect([a.links.isAlive(b.id), a.links.size]).toEqual([false, 0]);
  });

  it('is tried ever more seldom', () => {
    const { world, a, b } = pair();
    world.kill(b, 'process');
    a.want(b);
    world.run(10_000);
    const early = a.dials;
    world.run(50_000);
    const later = a.dials;
    world.run(600_000);
    expect(early).toBeLessThan(7);
    expect(later).toBeLessThan(11);
    expect(a.dials).toBeLessThan(18);
  });

  it('is not what a pause of its own looks like', () => {
    const { world, a, b } = pair();
    a.want(b);
    world.run(20_000);
    const pausedFor = 30_000;
    // Nothing ran here meanwhile, and the other end had no reason to give up yet.
    a.follow(a.links.handleTimeout(world.nowMs + pausedFor));
    expect([a.links.size, a.links.isAlive(b.id)]).toEqual([1, true]);
  });

  it('is forgotten where all died together: it was this supernode that was cut off', () => {
    const world = new LinksWorld(6);
    const [a, ...others] = world.nodes as [TestNode, ...TestNode[]];
    a.want(...others);
    world.run(10_000);
    world.isCut = (x, y) => x === a || y === a;
    world.run(120_000);
    expect(others.filter(({ id }) => a.links.isAlive(id))).toHaveLength(0);
    world.isCut = () => false;
    others[2]!.deliver(a, 'back');
    world.run(2000);
    others[3]!.deliver(a, 'back');
    world.run(2000);
    expect(linkedTo(a)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('the number of links', () => {
  it('shrinks when nothing is said: what was opened for a message is closed', () => {
    const { world, a, b } = pair();
    a.deliver(b);
    world.run(IDLE_MS - 1000);
    a.deliver(b);
    world.run(IDLE_MS - 1000);
    expect(a.links.size).toBe(1);
    world.run(2000);
    expect([a.links.size, b.links.size, a.links.isAlive(b.id), b.links.isAlive(a.id)]).toEqual([
      0,
      0,
      true,
      true,
    ]);
  });

  it('is bounded for those opened for messages; the one used least goes', () => {
    const world = new LinksWorld(MAX_ON_DEMAND + 20);
    const [a, ...others] = world.nodes as [TestNode, ...TestNode[]];
    a.want(others[0]!);
    for (const other of others) {
      a.deliver(other);
      world.run(100);
    }
    world.run(1000);
    expect(a.failed).toEqual([]);
    expect(a.links.size).toBe(MAX_ON_DEMAND + 1);
    expect([a.links.isLinked(others[0]!.id), a.links.isLinked(others[1]!.id)]).toEqual([true, false]);
    expect(a.links.isLinked(others.at(-1)!.id)).toBe(true);
  });

  it('of dials is bounded in time', () => {
    const world = new LinksWorld(400);
    const [a, ...others] = world.nodes as [TestNode, ...TestNode[]];
    for (const other of others) a.deliver(other);
    expect(a.dials).toBeLessThanOrEqual(64);
    expect(a.failed.length).toBe(others.length - a.dials);
  });
});

describe('a supernode that left the list', () => {
  it('loses its links, and gets no new one', () => {
    const { world, a, b } = pair();
    a.want(b);
    world.run(1000);
    world.list([a]);
    world.run(100);
    expect([a.links.size, a.links.connections]).toEqual([0, 0]);
    b.follow(b.links.handleList(new Set([a.id]), world.nowMs));
    world.run(60_000);
    b.deliver(a);
    world.run(1000);
    expect([a.links.size, b.links.size]).toEqual([0, 0]);
    expect(b.links.isAlive(a.id)).toBe(true);
    world.list([a, b]);
    world.run(300_000);
    b.deliver(a);
    world.run(1000);
    expect(a.links.size).toBe(1);
  });
});

describe('a stranger', () => {
  const hello = (supernode: string, nonce = 'n'.repeat(22)): LinkMessage => ({
    t: 'hello',
    versions: [1],
    supernode,
    nonce,
  });

  it('that proves a listed key is welcome, and only then is told a proof', () => {
    const { world, a } = pair();
    const { said, say } = world.stranger(a);
    const { nonce } = said[0] as { nonce: string };
    say(hello(idOf(1)));
    expect(said).toHaveLength(1);
    say({ t: 'join', proof: fakeProof(idOf(1), a.id, 'n'.repeat(22), nonce) });
    expect(said[1]).toMatchObject({ t: 'join' });
    expect(a.links.isLinked(idOf(1))).toBe(true);
  });

  it.each<[string, (nonce: string, a: TestNode) => (LinkMessage | string)[]]>([
    ['says nothing that makes sense', () => ['hello?']],
    ['is not in the list', () => [hello(idOf(7))]],
    ['calls itself by our own name', (_n, a) => [hello(a.id)]],
    ['speaks another version', () => [{ ...hello(idOf(1)), versions: [9] } as LinkMessage]],
    ['greets twice', () => [hello(idOf(1)), hello(idOf(1))]],
    ['proves nothing', () => [{ t: 'join', proof: 'a.b.c' }]],
    ['sends before it has joined', () => [hello(idOf(1)), pinged('x')]],
    ['pings before it has joined', () => [{ t: 'ping', id: 1 }]],
    ['forges a proof', () => [hello(idOf(1)), { t: 'join', proof: 'a.b.c' }]],
    [
      'replays the proof for another link',
      (_n, a) => [
        hello(idOf(1)),
        { t: 'join', proof: fakeProof(idOf(1), a.id, 'n'.repeat(22), 'o'.repeat(22)) },
      ],
    ],
    [
      'sends our own proof back',
      (nonce, a) => [hello(idOf(1)), { t: 'join', proof: fakeProof(a.id, idOf(1), nonce, 'n'.repeat(22)) }],
    ],
  ])('that %s is cut off, and nothing is kept', (_what, plan) => {
    const { world, a } = pair();
    const { said, say } = world.stranger(a);
    for (const message of plan((said[0] as { nonce: string }).nonce, a)) say(message);
    expect([a.links.connections, a.links.size, said.length]).toEqual([0, 0, 1]);
    say(pinged('still here?'));
    expect(a.received).toEqual([]);
  });

  it('has five seconds', () => {
    const { world, a } = pair();
    const { say } = world.stranger(a);
    say(hello(idOf(1)));
    world.run(HANDSHAKE_TIMEOUT_MS - 300);
    expect(a.links.connections).toBe(1);
    world.run(600);
    expect(a.links.connections).toBe(0);
    expect(a.links.isAlive(idOf(1))).toBe(true);
  });

  it('that was dialed and is somebody else is left', () => {
    const { world, a, b } = pair();
    const outputs = a.links.deliver(b.id, pinged('x'), world.nowMs);
    const { link } = outputs[0] as { link: number };
    a.links.handleOpened(link);
    expect(a.links.handleText(link, JSON.stringify(hello(idOf(5))), 0)).toMatchObject([
      { kind: 'close', why: 'policy' },
      { kind: 'failed', code: 'no-link' },
    ]);
  });
});

describe('a linked supernode that misbehaves', () => {
  it('is heard up to its rate', () => {
    const { world, a } = pair();
    const { said, say } = world.stranger(a);
    const { nonce } = said[0] as { nonce: string };
    say({ t: 'hello', versions: [1], supernode: idOf(1), nonce: 'n'.repeat(22) });
    say({ t: 'join', proof: fakeProof(idOf(1), a.id, 'n'.repeat(22), nonce) });
    for (let i = 0; i < 25_000; i++) say(pinged('x'));
    expect(a.received.length).toBeLessThanOrEqual(20_000);
    expect(a.links.counts.get('rate-limited')).toBeGreaterThan(4000);
    for (let i = 0; i < 200; i++) say('{"t":"later"}');
    world.run(20_000);
    expect(a.links.size).toBe(0);
  });
});

describe('properties of links', () => {
  const message = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({ t: fc.constantFrom(...Object.keys(LinkMessage)), id: fc.nat(), proof: fc.constant('a.b.c') })
      .map((m) => JSON.stringify(m)),
    fc
      .constantFrom(0, 1, 2)
      .map((i) => JSON.stringify({ t: 'hello', versions: [1], supernode: idOf(i), nonce: 'n'.repeat(22) })),
  );

  it('no order of messages makes them throw, or lets a stranger in', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), fc.integer(), (messages, seed) => {
        const { world, a } = pair(seed);
        const { say } = world.stranger(a);
        for (const text of messages) say(text);
        expect(a.links.size).toBe(0);
        world.run(HANDSHAKE_TIMEOUT_MS + 500);
        expect(a.links.connections).toBe(0);
        expect(a.received).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  const step = fc.oneof(
    fc.record({ what: fc.constant('deliver' as const), a: fc.nat(3), b: fc.nat(3) }),
    fc.record({ what: fc.constant('want' as const), a: fc.nat(3), b: fc.nat(3) }),
    fc.record({ what: fc.constantFrom('process' as const, 'host' as const), a: fc.nat(3), b: fc.nat(3) }),
    fc.record({ what: fc.constantFrom('cut' as const, 'heal' as const), a: fc.nat(3), b: fc.nat(3) }),
    fc.record({ what: fc.constant('wait' as const), a: fc.nat(3), b: fc.nat(8000) }),
  );

  it('whatever happens, in the end each pair has one link at the most, and the same at both ends', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.integer(), (steps, seed) => {
        const world = new LinksWorld(4, seed);
        let cut: TestNode | null = null;
        world.isCut = (x, y) => cut !== null && (x.id === cut.id) !== (y.id === cut.id);
        for (const { what, a, b } of steps) {
          const node = world.nodes[a]!;
          if (what === 'wait') world.run(b);
          else if (what === 'cut') cut = node;
          else if (what === 'heal') cut = null;
          else if (what === 'deliver') node.deliver(world.nodes[b]!);
          else if (what === 'want') node.want(world.nodes[b]!);
          else {
            world.kill(node, what);
            world.restart(node);
          }
        }
        cut = null;
        for (const node of world.nodes) node.want(...world.nodes.filter((other) => other !== node));
        world.run(200_000);
        for (const node of world.nodes) {
          expect(linkedTo(node)).toEqual([0, 1, 2, 3].filter((i) => i !== Number(node.id)));
          expect([node.ends.size, node.links.connections]).toEqual([3, 3]);
        }
      }),
      { numRuns: 30 },
    );
  });
});
