import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RING_TIMEOUT_MS } from './call-types.ts';
import {
  CALL_ID,
  makeParties,
  OTHER_CALL_ID,
  type Party,
  PhoneWorld,
  SUPERNODE,
} from './phone-pair.test-support.ts';

let parties: Party[];
let world: PhoneWorld;
beforeAll(async () => {
  parties = await makeParties('alice', 'bob', 'carol');
});
beforeEach(() => {
  world = new PhoneWorld(parties);
});

describe('a call', () => {
  it('rings, is answered, talks on both sides and ends for both when one hangs up', () => {
    world.call('alice', 'bob');
    world.settle();
    expect(world.eventNames('alice')).toEqual(['calling', 'ringing']);
    expect(world.eventNames('bob')).toEqual(['incoming']);
    world.nowMs = 3000;
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
    expect(world.talks.get('alice')).toEqual([CALL_ID]);
    expect(world.talks.get('bob')).toEqual([CALL_ID]);
    world.nowMs = 8000;
    world.phone('bob').hangUp(CALL_ID, world.nowMs);
    world.settle();
    expect(world.endOf('bob')).toBe('hangup');
    expect(world.endOf('alice')).toBe('remote-hangup');
    expect(world.events.get('alice')!.at(-1)).toMatchObject({ durationS: 5 });
  });

  it('gives both sides the same keys and flows, crosswise', () => {
    world.call('alice', 'bob');
    world.settle();
    const [a] = world.legs.get('alice')!;
    const [b] = world.legs.get('bob')!;
    expect(a!.keys.send).toEqual(b!.keys.receive);
    expect(a!.keys.receive).toEqual(b!.keys.send);
    const [ours, theirs] = ['alice', 'bob'].map((name) => [...world.routes.get(name)!.values()][0]);
    expect([ours!.sendFlow, ours!.receiveFlow]).toEqual([theirs!.receiveFlow, theirs!.sendFlow]);
    expect(a!.keys.send.media.key).not.toEqual(a!.keys.send.signal.key);
  });

  it('is answered although the caller is on the way back to their supernode just then, and cannot be looked up', () => {
    world.call('alice', 'bob');
    world.settle();
    world.absent.add('alice');
    world.attach('alice', []);
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
    world.attach('alice', [SUPERNODE]);
    world.settle();
    world.advance(250);
    world.settle();
    expect(world.talks.get('alice')).toEqual([CALL_ID]);
  });

  it('is declined', () => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('bob').decline(CALL_ID, world.nowMs);
    world.settle();
    expect([world.endOf('alice'), world.endOf('bob')]).toEqual(['declined', 'declined']);
  });

  it('is cancelled before the answer', () => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('alice').hangUp(CALL_ID, world.nowMs);
    world.settle();
    expect([world.endOf('alice'), world.endOf('bob')]).toEqual(['hangup', 'remote-hangup']);
  });

  it('ends with timeout when nobody answers for 60 s', () => {
    world.call('alice', 'bob');
    world.settle();
    world.advance(RING_TIMEOUT_MS - 1);
    expect(world.endOf('alice')).toBeUndefined();
    world.advance(1);
    world.settle();
    expect([world.endOf('alice'), world.endOf('bob')]).toEqual(['timeout', 'remote-hangup']);
  });

  it('stops ringing at the callee by itself when the cancel is lost', () => {
    world.call('alice', 'bob');
    world.settle();
    world.advance(RING_TIMEOUT_MS + 5000);
    world.wire.length = 0;
    expect(world.endOf('bob')).toBe('timeout');
  });

  it('ends for the callee too when the caller gives up while the accept is on its way', () => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.phone('alice').hangUp(CALL_ID, world.nowMs);
    world.settle();
    expect([world.endOf('alice'), world.endOf('bob')]).toEqual(['hangup', 'remote-hangup']);
    expect(world.phone('bob').deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('begins for the caller when the accept is lost for good and the callee is heard, who has accepted then', () => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.drain();
    world.wire.length = 0;
    const [leg] = world.legs.get('alice')!;
    world.phone('alice').handleOverdue(leg!.legId, world.nowMs);
    world.phone('alice').handleOverdue(leg!.legId, world.nowMs);
    world.settle();
    expect(world.eventNames('alice')).toEqual(['calling', 'ringing', 'answered']);
    expect(world.talks.get('alice')).toHaveLength(1);
  });

  it('does not begin for the callee because the caller sends audio', () => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('bob').handleOverdue(world.legs.get('bob')![0]!.legId, world.nowMs);
    world.settle();
    expect(world.talks.get('bob')).toEqual([]);
  });

  it('ends while it rings when the media says that the other side died', () => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('alice').handleMediaEnded(world.legs.get('alice')![0]!.legId, 'failed', world.nowMs);
    world.phone('bob').handleMediaEnded(world.legs.get('bob')![0]!.legId, 'failed', world.nowMs);
    world.settle();
    expect([world.endOf('alice'), world.endOf('bob')]).toEqual(['unreachable', 'failed']);
  });

  it('is unreachable when nobody of that name is attached, or the endpoint never answers', () => {
    world.absent.add('bob');
    world.call('alice', 'bob');
    expect(world.endOf('alice')).toBe('unreachable');
    world.absent.clear();
    world.call('alice', 'bob', OTHER_CALL_ID);
    world.wire.length = 0;
    world.advance(10_000);
    expect(world.endOf('alice')).toBe('unreachable');
  });

  it('is busy while the callee talks to somebody else, who hears nothing of it', () => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
    world.call('carol', 'bob', OTHER_CALL_ID);
    world.settle();
    expect(world.endOf('carol')).toBe('busy');
    expect(world.eventNames('bob')).toContain('missed');
    expect(world.endOf('alice')).toBeUndefined();
  });

  it('does not ring when the callee wants no call from that name and key, and both are told', () => {
    const asked: [string, string][] = [];
    world.phone('bob').turnsAway = (name, identityKey) => {
      asked.push([name, identityKey]);
      return name === 'carol' ? 'not-a-contact' : null;
    };
    world.call('carol', 'bob', OTHER_CALL_ID);
    expect(asked, 'before carol has proven who she is').toEqual([]);
    world.settle();
    expect(asked).toEqual([['carol', parties[2]!.local.identityKey]]);
    expect(world.endOf('carol')).toBe('busy');
    expect(world.events.get('bob')).toEqual([
      { event: 'missed', callId: OTHER_CALL_ID, from: 'carol', reason: 'not-a-contact' },
    ]);
    world.call('alice', 'bob');
    world.settle();
    expect(world.eventNames('bob')).toContain('incoming');
  });

  it('is answered by who wants no calls when both call each other', () => {
    for (const name of ['alice', 'bob']) world.phone(name).turnsAway = () => 'do-not-disturb';
    world.call('alice', 'bob');
    world.call('bob', 'alice', OTHER_CALL_ID);
    world.settle();
    expect([world.talks.get('alice'), world.talks.get('bob')].map((calls) => calls!.length)).toEqual([1, 1]);
  });

  it('fails when the media says that the peer vanished', () => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
    world.phone('alice').handleMediaEnded(world.legs.get('alice')![0]!.legId, 'failed', world.nowMs);
    world.drain();
    expect(world.endOf('alice')).toBe('failed');
  });
});

describe('both calling each other at once', () => {
  const lowerIsAlice = () =>
    Buffer.from(parties[0]!.local.identityKey, 'base64url').compare(
      Buffer.from(parties[1]!.local.identityKey, 'base64url'),
    ) < 0;

  it('becomes one call, the invite of the lower identity key, for every order of delivery', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(1)), (choices) => {
        const pair = new PhoneWorld(parties);
        pair.call('alice', 'bob', CALL_ID);
        pair.call('bob', 'alice', OTHER_CALL_ID);
        // Each direction stays in order, as on a WebSocket; between them everything may happen.
        while (pair.wire.length > 0) {
          const from = choices.next().value === 0 ? 'alice' : 'bob';
          const at = pair.wire.findIndex((signal) => signal.from === from);
          pair.deliver(pair.wire.splice(Math.max(at, 0), 1)[0]!);
        }
        const winner = lowerIsAlice() ? CALL_ID : OTHER_CALL_ID;
        expect(pair.talks.get('alice')).toEqual([winner]);
        expect(pair.talks.get('bob')).toEqual([winner]);
        expect(pair.eventNames('alice')).not.toContain('ended');
        expect(pair.eventNames('bob')).not.toContain('ended');
        expect(
          [...pair.eventNames('alice'), ...pair.eventNames('bob')].filter((e) => e === 'merged'),
        ).toHaveLength(1);
        expect([...pair.eventNames('alice'), ...pair.eventNames('bob')]).not.toContain('incoming');
      }),
      { numRuns: 30 },
    );
  });
});

describe('calling somebody who calls from a process that our invite did not reach', () => {
  it.each(['alice', 'bob'])('takes the call that exists (%s was first)', (first) => {
    const second = first === 'alice' ? 'bob' : 'alice';
    world.elsewhere.set(second, 'z'.repeat(22));
    world.call(first, second, CALL_ID);
    world.settle();
    world.call(second, first, OTHER_CALL_ID);
    world.settle();
    expect([world.talks.get('alice'), world.talks.get('bob')]).toEqual([[OTHER_CALL_ID], [OTHER_CALL_ID]]);
  });
});

describe('hostile signals', () => {
  it('an invite sent again by whoever recorded it rings nobody', () => {
    world.call('alice', 'bob');
    const invite = world.wire[0]!;
    world.settle();
    world.phone('alice').hangUp(CALL_ID, world.nowMs);
    world.settle();
    world.events.get('bob')!.length = 0;
    world.deliver(invite);
    world.wire.length = 0;
    world.advance(20_000);
    expect(world.eventNames('bob')).toEqual([]);
  });

  it('a whole recorded conversation rings nobody', () => {
    world.call('alice', 'bob');
    const recorded = [];
    while (world.wire.length > 0) {
      recorded.push(world.wire[0]!);
      world.deliver(world.wire.shift()!);
    }
    world.phone('alice').hangUp(CALL_ID, world.nowMs);
    world.settle();
    world.events.get('bob')!.length = 0;
    for (const signal of recorded) if (signal.to === 'bob') world.deliver(signal);
    expect(world.eventNames('bob')).toEqual([]);
  });

  it('unconfirmed invites of one user do not keep those of others away', () => {
    for (let i = 0; i < 40; i++) {
      world.call('carol', 'bob', `${i}`.padStart(22, 'x'));
      const invite = world.wire.shift();
      if (invite) world.deliver(invite);
      world.wire.length = 0;
    }
    expect(world.phone('bob').counters.excessInvites).toBe(37);
    world.call('alice', 'bob');
    world.settle();
    expect(world.eventNames('bob')).toEqual(['incoming']);
  });

  it("an invite with somebody else's certificates rings nobody", () => {
    const [alice, , carol] = parties;
    const { name, chain, identityKey } = alice!.local;
    const impostor = { ...carol!, local: { ...carol!.local, name, chain, identityKey } };
    const pair = new PhoneWorld([
      { ...impostor, device: alice!.device, endpoint: alice!.endpoint },
      parties[1]!,
    ]);
    pair.call('alice', 'bob');
    pair.settle();
    expect(pair.eventNames('bob')).toEqual([]);
    expect(pair.phone('bob').counters.invalidInvites).toBe(1);
  });

  it("an invite under somebody else's name rings nobody", () => {
    world.call('carol', 'bob');
    world.deliver({ ...world.wire.shift()!, from: 'alice' });
    world.settle();
    expect(world.eventNames('bob')).toEqual([]);
    expect(world.phone('bob').counters.invalidInvites).toBe(1);
  });

  it('a callee with a low-order key or no common version is passed over', () => {
    const [, bob] = parties;
    for (const spoilt of [
      { ...bob!.endpoint, device: { ...bob!.device, agreementKey: Buffer.alloc(32).toString('base64url') } },
      { ...bob!.endpoint, versions: [200] },
    ]) {
      const pair = new PhoneWorld([parties[0]!, { ...bob!, endpoint: spoilt }]);
      pair.call('alice', 'bob');
      expect(pair.endOf('alice')).toBe('unreachable');
    }
  });

  it('random bodies change nothing', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(CALL_ID, OTHER_CALL_ID),
        (body, callId) => {
          const pair = new PhoneWorld(parties);
          pair.call('alice', 'bob');
          pair.settle();
          pair.deliver({ from: 'alice', to: 'bob', callId, body });
          pair.deliver({ from: 'bob', to: 'alice', callId, body });
          expect(pair.eventNames('alice')).toEqual(['calling', 'ringing']);
          expect(pair.eventNames('bob')).toEqual(['incoming']);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('no order, loss, repetition or corruption of signals makes the caller talk before the callee accepted', () => {
    const step = fc.record({
      pick: fc.nat(20),
      action: fc.constantFrom(
        'deliver',
        'deliver',
        'deliver',
        'drop',
        'repeat',
        'corrupt',
        'accept',
        'reflect',
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const pair = new PhoneWorld(parties);
        let accepted = false;
        pair.call('alice', 'bob');
        for (const { pick, action } of steps) {
          if (action === 'accept') {
            pair.phone('bob').accept(CALL_ID, pair.nowMs);
            accepted ||= pair.eventNames('bob').includes('incoming');
            pair.drain();
            continue;
          }
          if (pair.wire.length === 0) break;
          const [signal] = pair.wire.splice(pick % pair.wire.length, 1);
          if (action === 'drop') continue;
          if (action === 'repeat') pair.wire.push(signal!);
          if (action === 'corrupt') signal!.body[pick % signal!.body.length]! ^= 1;
          if (action === 'reflect') pair.deliver({ ...signal!, from: signal!.to, to: signal!.from });
          else pair.deliver(signal!);
          if (!accepted) {
            expect(pair.talks.get('alice')).toEqual([]);
            expect(pair.talks.get('bob')).toEqual([]);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
