import type { ClientMessage } from '@overcall/wire';
import { describe, expect, it } from 'vitest';
import { MAX_SIGNAL_BACKLOG_BYTES } from './control-limits.ts';
import { CALL, id43, person, signalTo, World } from './control-world.test-support.ts';

const [P, Q] = [id43('p'), id43('q')];
const endpointOf = (name: string) => ({ device: person(name).who.deviceId, endpoint: person(name).endpoint });
const farSignal = (name: string, supernode = Q, body = 'AgAA'): ClientMessage => ({
  ...(signalTo(name, body) as Extract<ClientMessage, { t: 'signal' }>),
  supernode,
});
const failure = (code: string, supernode = Q) => ({
  ...{ t: 'signal-failed', to: endpointOf('bob'), callId: CALL, code },
  supernode,
});

/** alice is attached to P and bob to Q; what one says to the other over the link arrives at once, in order. */
function pair() {
  const [p, q] = [new World({ supernode: P }), new World({ supernode: Q })];
  const [alice, bob] = [p.attach('alice'), q.attach('bob')];
  const carry = () => {
    for (const [by, from, to] of [
      [P, p, q],
      [Q, q, p],
      [P, p, q],
    ] as const)
      for (const { message } of from.linked.splice(0))
        to.follow(to.plane.handleLinkMessage(by, message, to.nowMs));
  };
  return { p, q, alice, bob, carry };
}

describe('a signal for a softphone at another supernode', () => {
  it('goes over the link, and says where it comes from', () => {
    const { p, q, alice, bob, carry } = pair();
    p.say(alice, farSignal('bob'));
    carry();
    const from = { name: 'alice', ...endpointOf('alice'), supernode: P };
    expect(q.last(bob)).toEqual({ t: 'signal', from, callId: CALL, body: 'AgAA' });
    q.say(bob, farSignal('alice', P, 'AwAA'));
    carry();
    expect(p.last(alice)).toMatchObject({ t: 'signal', body: 'AwAA', from: { name: 'bob', supernode: Q } });
  });

  it('that is not attached here either comes back at once, as from here', () => {
    const { p, alice } = pair();
    p.say(alice, farSignal('bob', P));
    expect(p.last(alice)).toEqual(failure('not-attached', P));
    expect(p.linked).toEqual([]);
  });

  it('that is attached here after all needs no link', () => {
    const { p, alice } = pair();
    const carol = p.attach('carol');
    p.say(alice, farSignal('carol', P));
    expect(p.last(carol)).toMatchObject({ t: 'signal' });
    expect(p.linked).toEqual([]);
  });

  it('comes back when nobody of that name is there', () => {
    const { p, q, alice, bob, carry } = pair();
    q.plane.handleDisconnect(bob);
    p.say(alice, farSignal('bob'));
    carry();
    expect(p.last(alice)).toEqual(failure('not-attached'));
  });

  it('comes back when too much waits for the other', () => {
    const { p, q, alice, bob, carry } = pair();
    q.backlog.set(bob, MAX_SIGNAL_BACKLOG_BYTES + 1);
    p.say(alice, farSignal('bob'));
    carry();
    expect(p.last(alice)).toEqual(failure('overloaded'));
  });

  it('comes back when there is no link, while the sender is still there', () => {
    const { p, alice } = pair();
    p.say(alice, farSignal('bob'));
    const [{ to, message }] = p.linked as [(typeof p.linked)[number]];
    p.follow(p.plane.handleLinkFailed(to, message, 'no-link'));
    expect(p.last(alice)).toEqual(failure('no-link'));
    p.plane.handleDisconnect(alice);
    expect(p.plane.handleLinkFailed(to, message, 'no-link')).toEqual([]);
  });

  it('is limited as any other of this softphone', () => {
    const { p, alice } = pair();
    for (let i = 0; i < 250; i++) p.say(alice, farSignal('bob'));
    expect(p.linked).toHaveLength(200);
    expect(p.last(alice)).toEqual(failure('rate-limited'));
  });
});

describe('a supernode that floods a softphone', () => {
  const flood = (q: World, by: string, count: number, body = 'AgAA') => {
    for (let i = 0; i < count; i++) {
      const message = { t: 'signal' as const, to: endpointOf('bob'), callId: CALL, body };
      const from = { name: 'mallory', ...endpointOf('mallory') };
      q.follow(q.plane.handleLinkMessage(by, { ...message, from }, q.nowMs));
    }
  };

  it('gets through with as much as one softphone may send, invites among it', () => {
    const { q, bob } = pair();
    const before = q.messages(bob).length;
    flood(q, P, 300);
    expect(q.messages(bob).length - before).toBe(200);
    expect(q.linked.filter(({ message }) => message.t === 'signal-failed')).toHaveLength(100);
    flood(q, id43('r'), 100, 'AQAA');
    expect(q.messages(bob).length - before).toBe(230);
  });

  it('leaves room for the others, up to what all of them may', () => {
    const { q, bob } = pair();
    flood(q, P, 1000);
    const before = q.messages(bob).length;
    flood(q, id43('r'), 100);
    expect(q.messages(bob).length - before).toBe(100);
    for (const letter of 'ghijkl') flood(q, id43(letter), 1000);
    expect(q.messages(bob).length - before).toBe(200);
  });

  it('may not make up failures without end either', () => {
    const { p, alice } = pair();
    const before = p.messages(alice).length;
    const message = { ...failure('x'), t: 'signal-failed' as const, from: endpointOf('alice') };
    for (let i = 0; i < 300; i++) p.follow(p.plane.handleLinkMessage(Q, message, p.nowMs));
    expect(p.messages(alice).length - before).toBe(200);
  });
});
