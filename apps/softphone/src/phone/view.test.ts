import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Desk } from './desk.ts';
import { pathLine } from './path-line.ts';
import { widthOf } from './text.ts';
import { view } from './view.ts';

function desk(): Desk {
  const made = new Desk('alice');
  made.handleEvent({ event: 'attached', supernode: 's1', rttMs: 11.7, spare: false }, 0);
  made.setContacts([
    { name: 'bob', verified: true, blocked: false },
    { name: 'carol', verified: false, blocked: true },
  ]);
  made.setPresence('bob', true);
  return made;
}

function talking(): Desk {
  const made = desk();
  made.handleEvent({ event: 'incoming', callId: 'c', from: 'bob' }, 1000);
  made.handleEvent({ event: 'answered', callId: 'c' }, 2000);
  return made;
}

const textOf = (made: Desk, nowMs = 2000) =>
  view(made.state, 80, 24, nowMs)
    .lines.map(({ text }) => text)
    .join('\n');

describe('view', () => {
  it('shows where one is attached, and contacts with presence', () => {
    expect(textOf(desk())).toMatch(/^overcall {2}alice +s1 12 ms\n/);
    expect(textOf(desk())).toMatch(/> \* bob +attached +verified/);
    expect(textOf(desk())).toMatch(/ {3} carol +blocked/);
  });

  it('shows how a call travels and how long it has lasted', () => {
    const made = talking();
    const path = {
      event: 'path',
      callId: 'c',
      kind: 'direct',
      transport: 'udp',
      remote: '192.0.2.7:4000',
      via: [],
    };
    made.handleEvent(path, 2000);
    made.handleEvent({ event: 'stats', callId: 'c', rttMs: 24.2, lossPct: 0.2, r: 88.1 }, 3000);
    expect(textOf(made, 75_000)).toContain('talking with bob  1:13');
    expect(textOf(made, 75_000)).toContain('direct 192.0.2.7, 24 ms, 0.2% loss, R 88');
    expect(textOf(made)).not.toContain('jitter');
    made.handleKey({ type: 'text', text: 'c' }, 3000);
    expect(textOf(made)).toContain('jitter');
  });

  it('breaks long notices at blanks, so that what they advise can be read', () => {
    const made = desk();
    made.notice(`no speaker here: ${'so '.repeat(30)}use --record null`, 0);
    expect(textOf(made)).toMatch(/\n\d\d:\d\d {2}no speaker here: .*\n {7}so .*use --record null\n/);
  });

  it('puts the cursor where a name is typed', () => {
    const made = desk();
    for (const text of 'db') made.handleKey({ type: 'text', text }, 0);
    const { lines, cursor } = view(made.state, 80, 24, 0);
    expect(lines[cursor!.row]!.text).toBe('call: b');
    expect(cursor!.column).toBe(7);
  });

  it('shows what was written, and the end of what is typed', () => {
    const made = desk();
    for (const text of `t${'long '.repeat(30)}end`) made.handleKey({ type: 'text', text }, 0);
    made.setChat('bob', [
      { at: 0, direction: 'incoming', text: 'are you there', state: 'seen' },
      { at: 0, direction: 'outgoing', text: 'no', state: 'failed' },
    ]);
    expect(textOf(made)).toMatch(/\d\d:\d\d {2}bob: are you there\n\d\d:\d\d {2}you: no \(not delivered\)\n/);
    const { lines, cursor } = view(made.state, 80, 24, 0);
    expect(lines[cursor!.row]!.text).toMatch(/^to bob: .*long end$/);
    expect(cursor!.column).toBeLessThan(80);
  });

  it('says of whom there is something new to read', () => {
    const made = desk();
    made.handleEvent({ event: 'message', from: 'bob', text: 'hi' }, 0);
    expect(textOf(made)).toMatch(/> \* bob +attached +1 new \(t\), verified/);
  });

  it('fits every size, whatever is going on', () => {
    const keys = fc.string({ unit: fc.constantFrom(...'dabmxcvlhknqt\r'), maxLength: 8 });
    const size = fc.record({
      columns: fc.integer({ min: 20, max: 120 }),
      rows: fc.integer({ min: 4, max: 40 }),
    });
    fc.assert(
      fc.property(keys, size, fc.boolean(), (typed, { columns, rows }, isTalking) => {
        const made = isTalking ? talking() : desk();
        for (const text of typed)
          made.handleKey(text === '\r' ? { type: 'enter' } : { type: 'text', text }, 5000);
        const { lines, cursor } = view(made.state, columns, rows, 6000);
        expect(lines).toHaveLength(rows);
        for (const { text } of lines) expect(text).not.toMatch(/\p{Cc}/u);
        expect(widthOf(lines.at(-1)!.text)).toBeLessThan(columns);
        if (cursor !== null) expect(cursor.row).toBeLessThan(rows);
      }),
    );
  });
});

describe('pathLine', () => {
  it.each([
    [null, 'no path yet'],
    [{ kind: 'relay', transport: 'tcp', via: ['s1'], rttMs: 30.6 }, 'relay s1 over tcp, 31 ms'],
    [{ kind: 'overlay', transport: 'udp', via: ['s1', 's2'] }, 'overlay s1, s2'],
    [{ kind: 'direct', transport: 'udp', remote: '[2001:db8::7]:9', via: [] }, 'direct [2001:db8::7]'],
  ])('%j', (path, line) => {
    expect(pathLine(path, null)).toBe(line);
  });
});
