import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_PAST_CALLS, type PastCall } from './call-history.ts';
import { Desk } from './desk.ts';

let desk: Desk;
beforeEach(() => {
  desk = new Desk('alice');
  desk.setContacts(['bob', 'bobby', 'carol'].map((name) => ({ name, verified: false, blocked: false })));
});

function type(text: string, nowMs = 0): void {
  const named = { '\r': 'enter', '\t': 'tab', '\x1b': 'escape', '\x7f': 'backspace' } as const;
  for (const character of text) {
    if (character in named) desk.handleKey({ type: named[character as '\r'] }, nowMs);
    else desk.handleKey({ type: 'text', text: character }, nowMs);
  }
}

const incoming = (nowMs = 1000) => desk.handleEvent({ event: 'incoming', callId: 'in', from: 'bob' }, nowMs);
const calling = () => desk.handleEvent({ event: 'calling', callId: 'out', to: 'bob' }, 1000);
const ended = (callId: string, fields: object) =>
  desk.handleEvent({ event: 'ended', callId, durationS: 0, ...fields }, 9000);
const last = () => desk.state.calls.at(-1);

describe('dialling', () => {
  it('calls who was typed', () => {
    type('ddave\r');
    expect(desk.poll()).toEqual([{ do: 'call', to: 'dave' }]);
    expect(desk.state.mode).toBe('contacts');
  });

  it('completes as far as names agree, of contacts and of callers', () => {
    type('db\t');
    expect(desk.state.dialText).toBe('bob');
    type('b\t');
    expect(desk.state.dialText).toBe('bobby');
    const dora: PastCall = { at: 1, peer: 'dora', direction: 'incoming', outcome: 'missed', durationS: 0 };
    desk = new Desk('alice', [dora]);
    type('ddo\t');
    expect(desk.state.dialText).toBe('dora');
  });

  it('is given up by Esc, and an empty name calls nobody', () => {
    type('dbob\x1b');
    type('d\r');
    expect(desk.poll()).toEqual([]);
    expect(desk.state.mode).toBe('contacts');
  });

  it('is left when somebody calls, whose call is not answered by the next letters', () => {
    type('dc');
    incoming(1000);
    desk.poll();
    type('ab', 1500);
    expect(desk.poll()).toEqual([]);
    type('a', 2500);
    expect(desk.poll()).toEqual([{ do: 'accept', callId: 'in' }]);
  });

  it('calls the chosen contact with Enter', () => {
    desk.handleKey({ type: 'down' }, 0);
    desk.handleKey({ type: 'down' }, 0);
    desk.handleKey({ type: 'down' }, 0);
    type('\r');
    expect(desk.poll()).toEqual([{ do: 'call', to: 'carol' }]);
  });
});

describe('a call that comes in', () => {
  it('rings each three seconds until it is answered', () => {
    incoming(1000);
    expect(desk.poll()).toEqual([{ do: 'bell' }]);
    expect(desk.deadline).toBe(4000);
    desk.handleTimeout(4000);
    expect(desk.poll()).toEqual([{ do: 'bell' }]);
    desk.handleEvent({ event: 'answered', callId: 'in' }, 5000);
    expect(desk.poll()).toEqual([]);
    expect(desk.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('is accepted, declined, and hung up', () => {
    incoming();
    desk.poll();
    type('\r');
    type('b');
    desk.handleEvent({ event: 'answered', callId: 'in' }, 2000);
    desk.poll();
    type('b');
    expect(desk.poll()).toEqual([{ do: 'hangup', callId: 'in' }]);
  });

  it.each([
    [{ reason: 'remote-hangup' }, 'missed', 1],
    [{ reason: 'timeout' }, 'missed', 1],
    [{ reason: 'declined' }, 'declined', 0],
    [{ reason: 'remote-hangup', elsewhere: true }, 'elsewhere', 0],
  ])('and ends unanswered with %j is %s', (fields, outcome, missed) => {
    incoming();
    ended('in', fields);
    expect(last()).toMatchObject({ peer: 'bob', direction: 'incoming', outcome });
    expect(desk.state.missed).toBe(missed);
    type('l');
    expect(desk.state.missed).toBe(0);
  });

  it('during another one, or when nobody is to disturb, is a missed one', () => {
    desk.handleEvent({ event: 'missed', callId: 'x', from: 'carol', reason: 'busy' }, 1000);
    expect(last()).toMatchObject({ peer: 'carol', outcome: 'missed' });
  });
});

describe('a clock that is set back', () => {
  it('neither silences a call that rings nor makes the keys deaf', () => {
    type('dc');
    incoming(3_600_000);
    desk.poll();
    desk.handleTimeout(5000);
    expect(desk.poll()).toEqual([{ do: 'bell' }]);
    desk.handleTimeout(6000);
    expect(desk.poll()).toEqual([]);
    type('a', 6000);
    expect(desk.poll()).toEqual([{ do: 'accept', callId: 'in' }]);
  });
});

describe('text messages', () => {
  const written = (from: string, text = 'hello') =>
    desk.handleEvent({ event: 'message', id: 'i', from, text }, 1000);

  it('are written to the chosen contact, one after the other', () => {
    type('tsee you\r\r');
    expect(desk.poll()).toEqual([
      { do: 'open-chat', name: 'bob' },
      { do: 'message', to: 'bob', text: 'see you' },
    ]);
    expect(desk.state.mode).toBe('text');
    type('\x1bq');
    expect(desk.poll()).toEqual([{ do: 'quit' }]);
  });

  it('are written to whom one talks with', () => {
    desk.handleEvent({ event: 'incoming', callId: 'in', from: 'carol' }, 1000);
    desk.handleEvent({ event: 'answered', callId: 'in' }, 2000);
    desk.poll();
    type('tm\r', 3000);
    expect(desk.poll()).toEqual([
      { do: 'open-chat', name: 'carol' },
      { do: 'message', to: 'carol', text: 'm' },
    ]);
  });

  it('ring once and are counted until somebody looks, but ring not when nobody is to disturb', () => {
    written('bob');
    written('bob');
    expect(desk.poll()).toEqual([{ do: 'bell' }, { do: 'bell' }]);
    expect(desk.state.unseen).toEqual(new Map([['bob', 2]]));
    expect(desk.state.notices.at(-1)?.text).toBe('bob: hello');
    desk.handleEvent({ event: 'do-not-disturb', on: true }, 1000);
    written('bob');
    expect(desk.poll()).toEqual([]);
  });

  it('of whom one writes with are shown at once; so is what became of ours', () => {
    type('t');
    desk.poll();
    written('bob');
    expect(desk.poll()).toEqual([{ do: 'open-chat', name: 'bob' }, { do: 'bell' }]);
    desk.handleEvent({ event: 'message-delivered', id: 'x', to: 'bob' }, 2000);
    expect(desk.poll()).toEqual([{ do: 'open-chat', name: 'bob' }]);
    desk.handleEvent({ event: 'message-failed', id: 'x', to: 'carol', reason: 'busy' }, 2000);
    expect(desk.state.notices.at(-1)?.text).toBe('a message to carol was not delivered (t)');
  });

  it('that one wrote on another softphone are told without a bell, or shown at once', () => {
    const elsewhere = (delivered: boolean) =>
      desk.handleEvent({ event: 'message-written', id: 'w', to: 'bob', text: 'soon', delivered }, 1000);
    elsewhere(false);
    expect(desk.poll()).toEqual([]);
    expect(desk.state.notices.at(-1)?.text).toBe('you wrote to bob: soon (not delivered)');
    expect(desk.state.unseen.size).toBe(0);
    type('t');
    desk.poll();
    elsewhere(true);
    expect(desk.poll()).toEqual([{ do: 'open-chat', name: 'bob' }]);
    expect(desk.state.notices).toHaveLength(1);
  });

  it('bring no escape sequence on the screen, live or from the file', () => {
    written('bob', '\x1b[2J');
    desk.handleKey({ type: 'text', text: 't' }, 0);
    desk.setChat('bob', [{ at: 1, direction: 'incoming', text: 'a\x1b]0;b\x07', state: 'seen' }]);
    expect(JSON.stringify([desk.state.notices, desk.state.chat])).not.toMatch(/\\u00/);
  });

  it('that are being typed when a call comes in answer nothing, and are there afterwards', () => {
    type('tsee');
    incoming(1000);
    desk.poll();
    type('a', 1500);
    expect(desk.poll()).toEqual([]);
    type('b', 2500);
    type('t', 2500);
    expect(desk.state.chat).toMatchObject({ with: 'bob', typed: 'see' });
  });
});

describe('a call', () => {
  it('is muted and held when the softphone says so, by either side, and takes keys', () => {
    calling();
    type('mx5');
    expect(desk.poll()).toEqual([]);
    desk.handleEvent({ event: 'answered', callId: 'out' }, 2000);
    type('mmx5#');
    expect(desk.poll()).toEqual([
      { do: 'mute', callId: 'out' },
      { do: 'mute', callId: 'out' },
      { do: 'hold', callId: 'out' },
      { do: 'keys', callId: 'out', keys: '5' },
      { do: 'keys', callId: 'out', keys: '#' },
    ]);
    desk.handleEvent({ event: 'hold', callId: 'out', by: 'peer', on: true }, 3000);
    desk.handleEvent({ event: 'mute', callId: 'out', by: 'self', on: true }, 3000);
    desk.handleEvent({ event: 'mute', callId: 'other', by: 'peer', on: true }, 3000);
    const { muted, held } = desk.state.call!;
    expect([muted, held]).toEqual([
      { self: true, peer: false },
      { self: false, peer: true },
    ]);
    ended('out', { reason: 'hangup', durationS: 7 });
    expect(last()).toMatchObject({ outcome: 'answered', durationS: 7 });
    calling();
    expect(desk.state.call!.held.peer).toBe(false);
  });

  it('goes on under the id of the other when both called at once', () => {
    calling();
    desk.handleEvent({ event: 'merged', callId: 'out', winner: 'in' }, 1500);
    desk.handleEvent({ event: 'answered', callId: 'in' }, 1500);
    expect(desk.state.call).toMatchObject({ callId: 'in', phase: 'talking' });
  });

  it('is not ended by q at the first time, nor by what belongs to another one', () => {
    calling();
    ended('other', { reason: 'hangup' });
    type('q', 5000);
    expect(desk.poll()).toEqual([]);
    type('q', 6000);
    expect(desk.poll()).toEqual([{ do: 'quit' }]);
  });
});

describe('do not disturb', () => {
  it('is asked for by n, and is what the softphone says, whoever asked', () => {
    type('n');
    expect(desk.poll()).toEqual([{ do: 'do-not-disturb', on: true }]);
    expect(desk.state.doNotDisturb).toBe(false);
    desk.handleEvent({ event: 'do-not-disturb', on: true }, 1000);
    expect(desk.state.doNotDisturb).toBe(true);
    type('n');
    expect(desk.poll()).toEqual([{ do: 'do-not-disturb', on: false }]);
  });
});

describe('the safety number', () => {
  it('is asked for, shown, and verified by y alone', () => {
    type('v');
    expect(desk.poll()).toEqual([{ do: 'ask-safety', name: 'bob' }]);
    type('y');
    expect(desk.poll()).toEqual([]);
    type('v');
    desk.setSafetyNumber('carol', '1');
    expect(desk.state.safety).toEqual({ name: 'bob', number: null });
    desk.setSafetyNumber('bob', '12345 67890');
    desk.poll();
    type('y');
    expect(desk.poll()).toEqual([{ do: 'mark-verified', name: 'bob' }]);
  });
});

it('keeps a bounded number of calls and notices, without what steers a terminal', () => {
  for (let call = 0; call < MAX_PAST_CALLS + 10; call++)
    desk.handleEvent({ event: 'missed', from: `\x1b[2J${call}`, reason: 'busy' }, call);
  expect(desk.state.calls).toHaveLength(MAX_PAST_CALLS);
  expect(desk.state.notices.length).toBeLessThanOrEqual(50);
  // The eight-bit CSI of old terminals, and a change of direction, steer as well.
  desk.handleEvent({ event: 'attached', supernode: 'a\x1b\u009b2J\u202eb', rttMs: 1, spare: false }, 0);
  expect(desk.state.supernodes[0]!.name).toBe('a\ufffd\ufffd2J\ufffdb');
  expect(JSON.stringify(desk.state)).not.toContain('\\u001b');
});

it('quits at Ctrl-C, whatever is on the screen', () => {
  for (const before of ['', 'd', 'h', 'v']) {
    type(before);
    desk.poll();
    desk.handleKey({ type: 'interrupt' }, 0);
    expect(desk.poll()).toEqual([{ do: 'quit' }]);
    type('\x1b');
  }
});
