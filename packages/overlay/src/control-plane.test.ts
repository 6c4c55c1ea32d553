import { type ClientMessage, fromBase64Url, readSupernodeMessage, toBase64Url } from '@overcall/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOVE_PATIENCE_MS } from './attach/moves.ts';
import {
  ATTACH_TIMEOUT_MS,
  DEFAULT_CONTROL_LIMITS,
  MAX_MISUNDERSTOOD,
  MAX_SIGNAL_BACKLOG_BYTES,
} from './control-limits.ts';
import {
  CALL,
  CHAIN,
  id22,
  id43,
  person,
  relayOpen,
  revokedDevicesOf,
  signalTo,
  World,
} from './control-world.test-support.ts';
import { UNBOUND_EXPIRY_MS } from './relay-limits.ts';

describe('before attach', () => {
  it('greets with versions, its key and a fresh nonce', () => {
    const world = new World();
    const [a, b] = [world.connect(), world.connect()];
    expect(world.last(a)).toMatchObject({ t: 'hello', versions: [1], supernode: id43('s') });
    const nonces = [a, b].map((connection) => (world.last(connection) as { nonce: string }).nonce);
    expect(nonces[0]).not.toBe(nonces[1]);
    expect(fromBase64Url(nonces[0]!)).toHaveLength(16);
  });

  it.each<[string, ClientMessage | string]>([
    ['lookup', { t: 'lookup', id: 1, name: 'bob' }],
    ['signal', signalTo('bob')],
    ['present', { t: 'present', record: 'a.b.c' }],
    ['relay-open', relayOpen(1, 'bob', 1, 2)],
    ['ping', { t: 'ping', id: 1 }],
    ['text that is no message', 'hello?'],
  ])('closes on %s and keeps nothing', (_what, message) => {
    const world = new World();
    world.attach('bob');
    const stranger = world.connect();
    world.say(stranger, message);
    expect(world.last(stranger)).toMatchObject({ t: 'refused' });
    expect(world.closed.has(stranger)).toBe(true);
    expect(world.plane.connections).toBe(1);
  });

  it('gives up after ten seconds, also while a check is under way', () => {
    const world = new World();
    const [silent, slow] = [world.connect(), world.connect()];
    world.say(slow, { t: 'attach', chain: CHAIN, proof: 'p.r.f' });
    world.wait(ATTACH_TIMEOUT_MS - 1);
    expect(world.closed.size).toBe(0);
    world.wait(1001);
    expect(world.closed).toEqual(new Set([silent, slow]));
    world.finishAttach(slow, 'alice');
    expect(world.plane.attached).toBe(0);
    world.wait(5000);
    expect(world.plane.nextDeadline).toBeNull();
  });

  it('checks signatures once for a connection', () => {
    const world = new World();
    const connection = world.connect();
    world.say(connection, { t: 'attach', chain: CHAIN, proof: 'p.r.f' });
    world.say(connection, { t: 'attach', chain: CHAIN, proof: 'p.r.f' });
    expect(world.checks).toHaveLength(1);
    expect(world.closed.has(connection)).toBe(true);
    world.finishAttach(connection, 'alice');
    expect(world.plane.attached).toBe(0);
  });

  it('passes the reason of a refused attach on, and closes', () => {
    const world = new World();
    const connection = world.connect();
    world.say(connection, { t: 'attach', chain: CHAIN, proof: 'p.r.f' });
    world.follow(
      world.plane.handleAttachChecked(connection, { code: 'certificate-expired', message: 'm' }, 0),
    );
    expect(world.last(connection)).toEqual({ t: 'refused', code: 'certificate-expired', message: 'm' });
    expect(world.closed.has(connection)).toBe(true);
    expect(world.plane.refusals.get('certificate-expired')).toBe(1);
  });
});

describe('attached', () => {
  it('gets its receipt, the addresses, the load and the version of the newest list', () => {
    const world = new World();
    world.list({ version: 7 });
    const alice = world.attach('alice');
    const udp = ['192.0.2.1:443'];
    expect(world.last(alice)).toEqual({ t: 'attached', receipt: 'r.c.t', udp, load: 0.01, listVersion: 7 });
    world.list({ version: 8 });
    expect(world.last(alice)).toEqual({ t: 'list', version: 8 });
  });

  it('is detached when its device is revoked or its certificate ends', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob', 5000)];
    world.list({ revokedDevices: revokedDevicesOf('alice') });
    expect(world.last(alice)).toMatchObject({ t: 'refused', code: 'device-revoked' });
    expect(world.closed).toEqual(new Set([alice]));
    world.wait(6000);
    expect(world.last(bob)).toMatchObject({ t: 'refused', code: 'certificate-expired' });
    expect(world.closed).toEqual(new Set([alice, bob]));
  });

  it('is refused when its device was revoked while its signatures were checked', () => {
    const world = new World();
    const alice = world.connect();
    world.say(alice, { t: 'attach', chain: CHAIN, proof: 'p.r.f' });
    world.list({ revokedDevices: revokedDevicesOf('alice') });
    world.finishAttach(alice, 'alice');
    expect(world.last(alice)).toMatchObject({ t: 'refused', code: 'device-revoked' });
    expect(world.plane.attached).toBe(0);
  });

  it('takes the place of its own earlier connection', () => {
    const world = new World();
    const [bob, first] = [world.attach('bob'), world.attach('alice')];
    world.present(first, 'alice');
    const second = world.attach('alice');
    expect(world.closed).toEqual(new Set([first]));
    world.plane.handleDisconnect(first);
    world.say(bob, signalTo('alice'));
    expect(world.last(second)).toMatchObject({ t: 'signal' });
    expect(world.lookup(bob, 'alice')).toMatchObject({ endpoints: [{ record: 'r.e.c' }] });
  });

  it('is bounded in number; the others stay', () => {
    const world = new World({ maxAttachments: 1 });
    world.attach('alice');
    const bob = world.attach('bob');
    expect(world.last(bob)).toMatchObject({ t: 'refused', code: 'overloaded' });
    expect(world.plane.attached).toBe(1);
  });

  it('is one of 32 of its user at most; others and one that comes back are taken', () => {
    const world = new World();
    const attachAs = (endpoint: string) => {
      const connection = world.connect();
      world.say(connection, { t: 'attach', chain: CHAIN, proof: 'p.r.f' });
      world.finishAttach(connection, 'alice', 1e9, endpoint);
      return world.last(connection);
    };
    const endpoints = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456', id22);
    const answers = endpoints.map(attachAs);
    expect(answers.slice(0, 32)).toEqual(Array(32).fill(expect.objectContaining({ t: 'attached' })));
    expect(answers[32]).toEqual({
      t: 'refused',
      code: 'too-many-endpoints',
      message: 'too many softphones of this user are attached',
    });
    expect(attachAs(endpoints[0]!)).toMatchObject({ t: 'attached' });
    expect(world.last(world.attach('bob'))).toMatchObject({ t: 'attached' });
  });

  it('is told ten times what is not understood, then closed', () => {
    const world = new World();
    const alice = world.attach('alice');
    for (let i = 1; i < MAX_MISUNDERSTOOD; i++) world.say(alice, '{"t":"future"}');
    expect(world.last(alice)).toMatchObject({ t: 'refused', code: 'not-understood' });
    expect(world.closed.size).toBe(0);
    world.say(alice, '{}');
    expect(world.closed.has(alice)).toBe(true);
  });

  it('is closed when it floods', () => {
    const world = new World({ limits: { messages: { perSecond: 1, burst: 5 } } });
    const alice = world.attach('alice');
    for (let i = 0; i < 5; i++) world.say(alice, { t: 'ping', id: i });
    expect(world.last(alice)).toMatchObject({ t: 'refused', code: 'rate-limited' });
    expect(world.closed.has(alice)).toBe(true);
  });

  it('gets a pong for a ping', () => {
    const world = new World();
    const alice = world.attach('alice');
    world.say(alice, { t: 'ping', id: 77 });
    expect(world.last(alice)).toEqual({ t: 'pong', id: 77 });
  });
});

describe('the supernode list', () => {
  it('keeps newcomers out once it has expired, and nobody else', () => {
    const world = new World();
    world.list({ expiresAtMs: 5000 });
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    const carol = world.connect();
    world.say(carol, { t: 'attach', chain: CHAIN, proof: 'p.r.f' });
    world.wait(5000);
    world.finishAttach(carol, 'carol');
    for (const late of [carol, world.attach('dave')]) {
      expect(world.last(late)).toMatchObject({ t: 'refused', code: 'list-expired' });
    }
    world.say(alice, relayOpen(4, 'bob', 1, 2));
    world.say(bob, relayOpen(5, 'alice', 2, 1));
    expect(world.last(alice)).toMatchObject({ t: 'relay-opened' });
    world.list({ version: 8 });
    world.attach('erin');
    expect(world.plane.attached).toBe(3);
  });

  it('that does not name this supernode ends new work at once and the rest after the last call', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    world.say(alice, relayOpen(4, 'bob', 1, 2));
    world.say(bob, relayOpen(5, 'alice', 2, 1));
    world.list({ isListed: false });
    expect(world.last(bob)).toMatchObject({ t: 'move', reason: 'not-listed' });
    expect(world.last(world.attach('carol'))).toMatchObject({ t: 'refused', code: 'not-listed' });
    world.say(alice, relayOpen(6, 'bob', 3, 4));
    expect(world.last(alice)).toMatchObject({ t: 'relay-failed', code: 'not-listed' });
    world.wait(5000);
    expect(world.plane.attached).toBe(2);
    world.say(alice, { t: 'relay-close', receiveFlow: 1, sendFlow: 2 });
    world.wait(2000);
    expect(world.plane.attached).toBe(2);
    world.wait(MOVE_PATIENCE_MS);
    expect(world.plane.attached).toBe(0);
    expect(world.last(bob)).toMatchObject({ t: 'refused', code: 'not-listed' });
    world.list({ version: 8 });
    expect(world.last(world.attach('alice'))).toMatchObject({ t: 'attached' });
  });
});

describe('presence and lookup', () => {
  it('finds who accepts calls, by canonical name', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    expect(world.lookup(alice, 'bob')).toEqual({ t: 'lookup-result', id: 1, endpoints: [] });
    world.present(bob, 'bob');
    expect(world.lookup(alice, 'BOB')).toMatchObject({ endpoints: [{ chain: CHAIN, record: 'r.e.c' }] });
    expect(world.lookup(alice, 'no name')).toMatchObject({ endpoints: [] });
  });

  it('lets the highest sequence number win', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    world.present(bob, 'bob', { seq: 5 });
    world.present(bob, 'bob', { seq: 6, accepts: false });
    world.present(bob, 'bob', { seq: 5 });
    expect(world.last(bob)).toMatchObject({ t: 'refused', code: 'stale' });
    // Told, for another supernode may still have an older one.
    expect(world.lookup(alice, 'bob')).toMatchObject({ endpoints: [], withdrawn: [{ record: 'r.e.c' }] });
  });

  it('forgets who has gone and what has expired', () => {
    const world = new World();
    const [alice, bob, carol] = [world.attach('alice'), world.attach('bob'), world.attach('carol')];
    world.present(bob, 'bob');
    world.present(carol, 'carol', { expiresAtMs: 5000 });
    world.plane.handleDisconnect(bob);
    expect(world.lookup(alice, 'bob')).toMatchObject({ endpoints: [] });
    expect(world.lookup(alice, 'carol')).toMatchObject({ endpoints: [{}] });
    world.wait(5001);
    expect(world.lookup(alice, 'carol')).toMatchObject({ endpoints: [] });
  });

  it('answers with no more than a control message holds', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    const { who } = person('bob');
    const about = {
      name: 'bob',
      device: who.deviceId,
      seq: 1,
      accepts: true,
      expiresAtMs: 1e9,
      supernodes: ['s'],
    };
    const chain = { user: 'a.b.c', device: `a.${'b'.repeat(30_000)}.c` };
    for (const letter of ['x', 'y', 'z']) {
      const presence = { ...about, endpoint: id22(letter), chain, record: 'r.e.c' };
      world.follow(world.plane.handlePresenceChecked(bob, { ok: presence }, 0));
    }
    const answer = world.lookup(alice, 'bob');
    expect(answer).toMatchObject({ endpoints: [{}, {}] });
    expect(readSupernodeMessage(JSON.stringify(answer))).toEqual(answer);
  });

  it('is limited in lookups', () => {
    const world = new World({ limits: { lookups: { perSecond: 1, burst: 2 } } });
    const alice = world.attach('alice');
    world.lookup(alice, 'x');
    world.lookup(alice, 'x');
    expect(world.lookup(alice, 'x')).toMatchObject({ error: 'rate-limited', endpoints: [] });
    world.wait(1000);
    expect(world.lookup(alice, 'x')).not.toHaveProperty('error');
  });
});

describe('signal', () => {
  it('goes to the device and endpoint, stamped with who sent it', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    world.say(alice, { ...signalTo('bob'), from: { name: 'carol' } } as unknown as ClientMessage);
    const { who, endpoint } = person('alice');
    expect(world.last(bob)).toEqual({
      t: 'signal',
      from: { name: 'alice', device: who.deviceId, endpoint },
      callId: CALL,
      body: 'AgAA',
    });
  });

  it('comes back when the other has gone', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    world.plane.handleDisconnect(bob);
    world.say(alice, signalTo('bob'));
    expect(world.last(alice)).toMatchObject({ t: 'signal-failed', callId: CALL, code: 'not-attached' });
  });

  it('is limited more strictly when it begins a call', () => {
    const world = new World({ limits: { invites: { perSecond: 1, burst: 1 } } });
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    const invite = toBase64Url(new Uint8Array([1, 1, 1, 0, 0]));
    for (let i = 0; i < 3; i++) world.say(alice, signalTo('bob', invite));
    for (let i = 0; i < 3; i++) world.say(alice, signalTo('bob'));
    expect(world.messages(bob).filter(({ t }) => t === 'signal')).toHaveLength(4);
    expect(world.messages(alice).filter(({ t }) => t === 'signal-failed')).toHaveLength(2);
  });
});

describe('a flood of signals', () => {
  const long = 'A'.repeat(32_768);
  const failures = (world: World, sender: number) =>
    world.messages(sender).flatMap((message) => (message.t === 'signal-failed' ? [message.code] : []));

  it('is cut to so many characters a second for each sender', () => {
    const world = new World();
    const [mallory, alice, bob] = [world.attach('mallory'), world.attach('alice'), world.attach('bob')];
    for (let i = 0; i < 20; i++) world.say(mallory, signalTo('bob', long));
    expect(world.messages(bob).filter(({ t }) => t === 'signal')).toHaveLength(8);
    expect(new Set(failures(world, mallory))).toEqual(new Set(['rate-limited']));
    world.say(alice, signalTo('bob', long));
    expect(failures(world, alice)).toEqual([]);
    world.wait(1000);
    world.say(mallory, signalTo('bob', long));
    expect(world.messages(bob).filter(({ t }) => t === 'signal')).toHaveLength(10);
  });

  it('comes back to those who send it; whom it was meant for stays attached', () => {
    const world = new World();
    const [mallory, bob] = [world.attach('mallory'), world.attach('bob')];
    world.backlog.set(bob, MAX_SIGNAL_BACKLOG_BYTES + 1);
    world.say(mallory, signalTo('bob', long));
    expect(failures(world, mallory)).toEqual(['overloaded']);
    expect(world.messages(bob).some(({ t }) => t === 'signal')).toBe(false);
    expect(world.closed.size).toBe(0);
    world.backlog.set(bob, MAX_SIGNAL_BACKLOG_BYTES);
    world.say(mallory, signalTo('bob', long));
    expect(world.last(bob)).toMatchObject({ t: 'signal' });
  });
});

describe('relay flows', () => {
  it('give each party its own key when both agree', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    world.say(alice, relayOpen(4, 'bob', 1, 2));
    expect(world.last(alice)).toMatchObject({ t: 'attached' });
    world.say(bob, relayOpen(5, 'alice', 2, 1));
    expect(world.last(alice)).toMatchObject({ t: 'relay-opened', id: 4, udp: ['192.0.2.1:443'] });
    expect(world.last(bob)).toMatchObject({ t: 'relay-opened', id: 5 });
    const keys = [alice, bob].map((connection) => (world.last(connection) as { bindKey: string }).bindKey);
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('say whether the peer is bound from an address, and soon nothing more to those who guess', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    world.say(alice, relayOpen(4, 'bob', 1, 2));
    world.say(bob, relayOpen(5, 'alice', 2, 1));
    const ask = (id: number): ClientMessage => ({
      t: 'confirm-peer',
      id,
      receiveFlow: 1,
      sendFlow: 2,
      address: '198.51.100.2',
    });
    world.say(alice, ask(6));
    expect(world.last(alice)).toEqual({ t: 'peer-confirmed', id: 6, known: false });
    for (let id = 7; id < 50; id++) world.say(alice, ask(id));
    expect(world.last(alice)).toEqual({ t: 'peer-confirmed', id: 49, known: false });
    expect(world.plane.refusals.get('rate-limited')).toBe(
      50 - 6 - DEFAULT_CONTROL_LIMITS.confirmations.burst,
    );
  });

  it('lead to oneself on probe-open, while attached, also on a supernode that drains', () => {
    const world = new World();
    const alice = world.attach('alice');
    world.follow(world.plane.drain(world.nowMs));
    world.say(alice, { t: 'probe-open', id: 4, flow: 1 });
    expect(world.last(alice)).toMatchObject({ t: 'relay-opened', id: 4, udp: ['192.0.2.1:443'] });
    expect([world.relay.loops, world.relay.allocations]).toEqual([1, 0]);
    for (let id = 5; id < 20; id++) world.say(alice, { t: 'probe-open', id, flow: id });
    expect(world.last(alice)).toMatchObject({ t: 'relay-failed', id: 19, code: 'rate-limited' });
    expect(world.relay.loops).toBe(1);
    world.plane.handleDisconnect(alice);
    expect(world.relay.loops).toBe(0);
  });

  it('lead to oneself for no longer than the attachment, also when another one has taken its place', () => {
    const world = new World();
    for (let flow = 1; flow <= 5; flow++) world.say(world.attach('alice'), { t: 'probe-open', id: 1, flow });
    expect([world.plane.attached, world.relay.loops]).toEqual([1, 1]);
  });

  it('cannot be joined by a third', () => {
    const world = new World();
    const [alice, mallory] = [world.attach('alice'), world.attach('mallory')];
    world.say(alice, relayOpen(4, 'bob', 1, 2));
    world.say(mallory, relayOpen(5, 'alice', 2, 1));
    world.say(mallory, { t: 'relay-close', receiveFlow: 1, sendFlow: 2 });
    expect(world.messages(alice).some(({ t }) => t === 'relay-opened')).toBe(false);
    const bob = world.attach('bob');
    world.say(bob, relayOpen(6, 'alice', 2, 1));
    expect(world.last(alice)).toMatchObject({ t: 'relay-opened', id: 4 });
  });

  it('fail when the other party never asks', () => {
    const world = new World();
    const alice = world.attach('alice');
    world.say(alice, relayOpen(4, 'bob', 1, 2));
    // 2,000 may wait: for longer, and a few accounts would hold all of the room.
    world.wait(12_000);
    expect(world.last(alice)).toMatchObject({ t: 'relay-failed', id: 4, code: 'no-answer' });
  });

  it('that wait give way to those of others when there is no room, and their owner is told', () => {
    const world = new World({ relay: { maxPending: 2 } });
    const [mallory, alice] = [world.attach('mallory'), world.attach('alice')];
    world.say(mallory, relayOpen(1, 'zoe', 1, 2));
    world.say(mallory, relayOpen(2, 'zoe', 3, 4));
    world.say(alice, relayOpen(3, 'bob', 5, 6));
    expect(world.last(mallory)).toMatchObject({ t: 'relay-failed', id: 1, code: 'overloaded' });
    expect(world.last(alice)).toMatchObject({ t: 'attached' });
  });

  it('outlive a control connection, and end when they are closed', () => {
    const world = new World();
    const [alice, bob] = [world.attach('alice'), world.attach('bob')];
    world.say(alice, relayOpen(4, 'bob', 1, 2));
    world.say(bob, relayOpen(5, 'alice', 2, 1));
    const before = world.last(alice) as { bindKey: string };
    world.plane.handleDisconnect(alice);
    const again = world.attach('alice');
    world.say(again, relayOpen(9, 'bob', 1, 2));
    expect(world.last(again)).toMatchObject({ t: 'relay-opened', id: 9, bindKey: before.bindKey });
    world.say(bob, { t: 'relay-close', receiveFlow: 2, sendFlow: 1 });
    world.say(again, relayOpen(10, 'bob', 1, 2));
    expect(world.last(again)).toMatchObject({ id: 9 });
  });

  it('are refused, like attaching, while draining', () => {
    const world = new World();
    const alice = world.attach('alice');
    world.follow(world.plane.drain(world.nowMs));
    world.say(alice, relayOpen(4, 'bob', 1, 2));
    expect(world.last(alice)).toMatchObject({ t: 'relay-failed', code: 'draining' });
    const bob = world.attach('bob');
    expect(world.last(bob)).toMatchObject({ t: 'refused', code: 'draining' });
    expect(world.plane.attached).toBe(1);
  });
});

describe('properties of the control plane', () => {
  const anyMessage: fc.Arbitrary<string> = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .constantFrom<ClientMessage>(
        { t: 'attach', chain: CHAIN, proof: 'p.r.f' },
        { t: 'present', record: 'r.e.c' },
        { t: 'lookup', id: 1, name: 'bob' },
        { t: 'ping', id: 1 },
        { t: 'relay-close', receiveFlow: 1, sendFlow: 2 },
        signalTo('alice'),
        signalTo('bob', 'AQEB'),
        relayOpen(1, 'alice', 1, 2),
        relayOpen(2, 'bob', 2, 1),
      )
      .map((message) => JSON.stringify(message)),
  );

  it('no order of messages makes it throw, leak state or speak for a stranger', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 3 }), anyMessage, fc.nat({ max: 3000 })), { maxLength: 40 }),
        (steps) => {
          const world = new World();
          const connections = [world.attach('alice'), world.attach('bob'), world.connect(), world.connect()];
          for (const [who, text, waitMs] of steps) {
            world.say(connections[who]!, text);
            world.wait(waitMs);
          }
          for (const message of [...world.sent.values()].flat()) {
            if (message.t === 'signal') expect(['alice', 'bob']).toContain(message.from.name);
          }
          for (const stranger of connections.slice(2)) {
            const kinds = new Set(world.messages(stranger).map(({ t }) => t));
            expect([...kinds].filter((t) => t !== 'hello' && t !== 'refused')).toEqual([]);
          }
          for (const connection of connections) world.plane.handleDisconnect(connection);
          world.wait(UNBOUND_EXPIRY_MS * 3);
          expect([world.plane.connections, world.plane.attached, world.plane.nextDeadline]).toEqual([
            0,
            0,
            null,
          ]);
        },
      ),
      { numRuns: 500 },
    );
  });
});
