import { SignalType } from '@overcall/wire';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Keeping, ReceivedText, WrittenText } from './call-types.ts';
import { MinuteLimit } from './minute-limit.ts';
import { anotherSoftphone, CALL_ID, makeParties, type Party, PhoneWorld } from './phone-pair.test-support.ts';
import { MAX_TEXTS_WAITING, TEXTS_PER_MINUTE } from './texts.ts';

let parties: Party[];
let impostor: Party;
let world: PhoneWorld;
/** What each softphone has kept, by what tests call it: of others, and of what its user wrote elsewhere. */
let kept: Map<string, ReceivedText[]>;
let written: Map<string, WrittenText[]>;
beforeAll(async () => {
  // The last one has the name of the first, and keys of its own.
  const all = await makeParties('alice', 'bob', 'carol', 'alice');
  parties = all.slice(0, 3);
  impostor = all[3]!;
  parties.push(anotherSoftphone(parties[1]!, 'bob2'));
});
beforeEach(() => {
  world = new PhoneWorld(parties.slice(0, 3));
  keepAll();
});

function keepAll(): void {
  kept = new Map();
  written = new Map();
  for (const name of world.phones.keys()) {
    const copies: WrittenText[] = [];
    written.set(name, copies);
    world.keepWritten.set(name, (text): Keeping => {
      copies.push(text);
      return 'new';
    });
    const texts: ReceivedText[] = [];
    kept.set(name, texts);
    world.keep.set(name, (text): Keeping => {
      if (texts.some(({ id }) => id === text.id)) return 'known';
      texts.push(text);
      return 'new';
    });
  }
}

let count = 0;
function send(from: string, to: string, text: string): string {
  const id = `${count++}`.padStart(22, 'm');
  world.phone(from).sendText(id, to, text, world.nowMs);
  world.drain();
  return id;
}

const textsOf = (name: string) => kept.get(name)!.map(({ text }) => text);
const last = (name: string) => world.events.get(name)!.at(-1);

describe('a text message', () => {
  it('is kept before its sender is told, and nothing rings', () => {
    const order: string[] = [];
    let keepId = 0;
    world.keep.set('bob', (text) => {
      order.push(`kept ${text.from}: ${text.text}`);
      keepId++;
      return 'later';
    });
    const id = send('alice', 'bob', 'hello');
    world.settle();
    expect([...world.events.get('alice')!, ...world.events.get('bob')!]).toEqual([]);
    world.phone('bob').handleKept(keepId, 'new');
    world.settle();
    expect(order).toEqual(['kept alice: hello']);
    expect(last('alice')).toEqual({ event: 'message-delivered', id, to: 'bob', devices: 1 });
    expect(world.events.get('bob')).toEqual([{ event: 'message', id, from: 'alice', text: 'hello' }]);
    expect(world.legs.get('bob')).toEqual([]);
    expect([world.phone('alice').isIdle, world.phone('bob').isIdle]).toEqual([true, true]);
  });

  it('looks to supernodes like another one of about its length, and holds no word of it', () => {
    const sizesOf = (text: string) => {
      world = new PhoneWorld(parties.slice(0, 2));
      keepAll();
      const sizes: number[] = [];
      send('alice', 'bob', text);
      for (let signal = world.wire.shift(); signal !== undefined; signal = world.wire.shift()) {
        expect(new TextDecoder().decode(signal.body)).not.toContain(text);
        // In an invite the numbers of flows have as many digits as they have.
        if (signal.body[0] === SignalType.Sealed) sizes.push(signal.body.length);
        world.deliver(signal);
      }
      return sizes;
    };
    expect(sizesOf('yes')).toEqual(sizesOf('n'.repeat(150)));
  });

  it('comes to every softphone of the receiver; one that is not there any more delays the word by a second', () => {
    world = new PhoneWorld(parties);
    keepAll();
    send('alice', 'bob', 'to both');
    world.settle();
    expect([textsOf('bob'), textsOf('bob2')]).toEqual([['to both'], ['to both']]);
    expect(last('alice')).toMatchObject({ event: 'message-delivered', devices: 2 });

    world.phone('bob2').handleSignal = () => {};
    send('alice', 'bob', 'to one');
    world.settle();
    world.advance(999);
    expect(last('alice')).toMatchObject({ devices: 2 });
    world.advance(1);
    expect(last('alice')).toMatchObject({ event: 'message-delivered', devices: 1 });
  });

  it('comes after those that were sent before it', () => {
    for (const text of ['one', 'two', 'three']) send('alice', 'bob', text);
    send('alice', 'carol', 'aside');
    world.settle();
    expect(textsOf('bob')).toEqual(['one', 'two', 'three']);
    expect(textsOf('carol')).toEqual(['aside']);
  });

  it('comes to nowhere the same way whether nobody is there, it is not wanted, or the caller is blocked', () => {
    world.absent.add('bob');
    send('alice', 'bob', 'x');
    world.settle();
    const failed = { event: 'message-failed', to: 'bob', reason: 'unreachable' };
    expect(last('alice')).toMatchObject(failed);

    world.absent.clear();
    world.keep.set('bob', () => 'refused');
    send('alice', 'bob', 'x');
    world.settle();
    world.advance(10_000);
    expect(last('alice')).toMatchObject(failed);

    // Blocked: the certificate of the caller is not taken.
    world.phone('bob').handleVerified = () => {};
    send('alice', 'bob', 'x');
    world.settle();
    world.advance(10_000);
    expect(last('alice')).toMatchObject(failed);
    expect(world.events.get('alice')).toHaveLength(3);
    expect(world.events.get('bob')).toEqual([]);
  });

  it('is refused when there were too many of late, and taken again a minute later', () => {
    for (let i = 0; i < 30; i++) {
      send('alice', 'bob', `${i}`);
      world.settle();
    }
    send('alice', 'bob', 'one more');
    world.settle();
    expect(last('alice')).toMatchObject({ event: 'message-failed', reason: 'busy' });
    expect(textsOf('bob')).toHaveLength(30);
    send('carol', 'bob', 'from another');
    world.settle();
    expect(textsOf('bob').at(-1)).toBe('from another');
    world.advance(60_000);
    send('alice', 'bob', 'later');
    world.settle();
    expect(textsOf('bob').at(-1)).toBe('later');
  });

  it('is refused while too many before it wait for the disk', () => {
    world.keep.set('bob', () => 'later');
    const outcome = (from: string) => {
      send(from, 'bob', 'x');
      world.settle();
      world.advance(10_000);
      world.settle();
      return last(from);
    };
    const slow = { event: 'message-failed', reason: 'unreachable' };
    for (let i = 0; i < 32; i++)
      for (const from of ['alice', 'carol']) expect(outcome(from)).toMatchObject(slow);
    expect(outcome('alice')).toMatchObject({ event: 'message-failed', reason: 'busy' });
  });

  it('of which too many wait is not sent at all', () => {
    for (let i = 0; i < MAX_TEXTS_WAITING; i++) send('alice', 'bob', `${i}`);
    expect(world.phone('alice').sendText('z'.repeat(22), 'bob', 'x', 0)).toBe(false);
  });

  it('is cleaned of what steers a terminal, whatever its sender does', () => {
    send('alice', 'bob', '\x1b[2Jboo\r\n\u202e!');
    world.settle();
    expect(textsOf('bob')).toEqual(['[2Jboo !']);
    expect(last('bob')).toMatchObject({ text: '[2Jboo !' });
  });

  it('never becomes a call: what is said after it on its keys is not heard', () => {
    const id = send('alice', 'bob', 'x');
    const isSealed = ({ body }: { body: Uint8Array }) => body[0] === SignalType.Sealed;
    while (!isSealed(world.wire[0]!)) world.deliver(world.wire.shift()!);
    const text = world.wire.shift()!;
    world.deliver(text);
    // The same bytes again, and a copy under another call.
    world.deliver(text);
    world.deliver({ ...text, callId: CALL_ID });
    world.settle();
    world.phone('bob').accept(id, world.nowMs);
    world.settle();
    expect(world.eventNames('bob')).toEqual(['message']);
    expect(world.talks.get('bob')).toEqual([]);
  });
});

describe('a text message in a call', () => {
  beforeEach(() => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
  });

  it('goes over the keys of the call, both ways, in two signals', () => {
    const id = send('bob', 'alice', 'in the call');
    expect(world.wire).toHaveLength(1);
    world.settle();
    expect(last('alice')).toEqual({
      ...{ event: 'message', id, from: 'bob', text: 'in the call', callId: CALL_ID },
    });
    expect(last('bob')).toMatchObject({ event: 'message-delivered', id });
    send('alice', 'bob', 'and back');
    world.settle();
    expect(textsOf('bob')).toEqual(['and back']);
  });

  it('to somebody else goes by itself', () => {
    send('alice', 'carol', 'aside');
    world.settle();
    expect(textsOf('carol')).toEqual(['aside']);
    expect(last('alice')).toMatchObject({ event: 'message-delivered', to: 'carol' });
    expect(last('carol')).not.toHaveProperty('callId');
  });

  it('goes by itself when the call does not bring it, and is kept once though it came twice', () => {
    send('alice', 'bob', 'twice');
    // It comes, and the word that it did is lost.
    world.deliver(world.wire.shift()!);
    world.wire.length = 0;
    expect(textsOf('bob')).toEqual(['twice']);
    world.advance(4000);
    world.settle();
    expect(last('alice')).toMatchObject({ event: 'message-delivered' });
    expect(world.eventNames('bob').filter((event) => event === 'message')).toEqual(['message']);
  });

  it('is not heard before the call is one', () => {
    const other = new PhoneWorld(parties.slice(0, 2));
    world = other;
    keepAll();
    world.call('alice', 'bob');
    world.settle();
    send('alice', 'bob', 'while it rings');
    world.settle();
    // Nobody talks yet, so it came by itself.
    expect(last('bob')).not.toHaveProperty('callId');
    expect(world.eventNames('bob')).toEqual(['incoming', 'message']);
  });
});

describe('a copy of a text message, for the other softphones of its sender,', () => {
  let mine: Party;
  beforeEach(() => {
    mine = anotherSoftphone(parties[0]!, 'alice2');
    world = new PhoneWorld([...parties.slice(0, 3), mine]);
    keepAll();
  });

  it('is kept there, and told, with what became of it, in the order in which they were written', () => {
    const ids = ['one', 'two'].map((text) => send('alice', 'bob', text));
    world.settle();
    world.absent.add('carol');
    ids.push(send('alice', 'carol', 'three'));
    world.settle();
    const copies = [
      { id: ids[0], to: 'bob', text: 'one', delivered: true },
      { id: ids[1], to: 'bob', text: 'two', delivered: true },
      { id: ids[2], to: 'carol', text: 'three', delivered: false },
    ];
    expect(written.get('alice2')).toEqual(copies);
    expect(world.events.get('alice2')).toEqual(copies.map((copy) => ({ event: 'message-written', ...copy })));
    expect(last('alice')).toEqual({ event: 'message-copied', id: ids[2], to: 'carol', devices: 1 });
    expect(['alice', 'bob', 'carol'].flatMap((name) => written.get(name)!)).toEqual([]);
    expect(textsOf('alice2')).toEqual([]);
    expect([...world.phones.values()].every(({ isIdle }) => isIdle)).toBe(true);
  });

  it('comes though the message went in a call, which has no part in it', () => {
    world.call('alice', 'bob');
    world.settle();
    world.phone('bob').accept(CALL_ID, world.nowMs);
    world.settle();
    send('alice', 'bob', 'in the call');
    world.settle();
    expect(written.get('alice2')).toMatchObject([{ to: 'bob', text: 'in the call' }]);
    expect(world.endOf('alice')).toBeUndefined();
  });

  it('looks to supernodes like a message', () => {
    const id = send('alice', 'bob', 'secret');
    const sizes = new Map<boolean, Set<number>>();
    for (let signal = world.wire.shift(); signal !== undefined; signal = world.wire.shift()) {
      expect(new TextDecoder().decode(signal.body)).not.toContain('secret');
      const isSealedByAlice = signal.body[0] === SignalType.Sealed && signal.from === 'alice';
      const ofMessage = signal.callId === id;
      if (isSealedByAlice) sizes.set(ofMessage, (sizes.get(ofMessage) ?? new Set()).add(signal.body.length));
      world.deliver(signal);
    }
    expect(sizes.get(false)).toEqual(sizes.get(true));
  });

  it('goes to nobody whose name is the same and whose key is not, whatever the directory certified', () => {
    world = new PhoneWorld([...parties.slice(0, 2), mine, { ...impostor, key: 'impostor' }]);
    keepAll();
    send('alice', 'bob', 'private');
    const receivers = new Set<string>();
    for (let signal = world.wire.shift(); signal !== undefined; signal = world.wire.shift()) {
      receivers.add(signal.to);
      world.deliver(signal);
    }
    expect(receivers).toEqual(new Set(['alice', 'bob', 'alice2']));
  });

  it.each(['name', 'identityKey'] as const)('is taken from nobody whose %s is another one', (what) => {
    send('alice', 'bob', 'forged');
    const { local } = mine;
    for (let signal = world.wire.shift(); signal !== undefined; signal = world.wire.shift()) {
      // From here on the sender is somebody else to its sibling.
      if (signal.to === 'alice2' && signal.body[0] === SignalType.Sealed)
        world.phone('alice2').updateLocal({ ...local, [what]: parties[1]!.local[what] });
      world.deliver(signal);
    }
    expect(written.get('alice2')).toEqual([]);
    expect(world.eventNames('alice2')).toEqual([]);
  });

  it('that is not taken costs the sender nothing, and so do copies without end', () => {
    world.phone('alice2').handleSignal = () => {};
    for (let i = 0; i < 3 * MAX_TEXTS_WAITING; i++) {
      send('alice', i % 2 === 0 ? 'bob' : 'carol', `${i}`);
      world.settle();
    }
    expect(world.eventNames('alice').filter((event) => event === 'message-copied')).toEqual([]);
    expect(world.phone('alice').isCopying).toBe(true);
    for (let i = 0; i < MAX_TEXTS_WAITING; i++) {
      world.advance(10_000);
      world.settle();
    }
    expect(world.phone('alice').isIdle).toBe(true);
  });

  it('is still sent when all else ends, until that is given up too', () => {
    world.phone('bob').handleSignal = () => {};
    const id = send('alice', 'bob', 'last');
    world.phone('alice').hangUpAll(world.nowMs);
    expect(world.phone('alice').isCopying).toBe(true);
    world.settle();
    expect(written.get('alice2')).toEqual([{ id, to: 'bob', text: 'last', delivered: false }]);
    expect(world.phone('alice').isIdle).toBe(true);
    send('alice', 'bob', 'more');
    world.phone('alice').hangUpAll(world.nowMs);
    world.phone('alice').giveUpCopies();
    expect(world.phone('alice').isIdle).toBe(true);
  });
});

describe('handshakes of text messages', () => {
  it('stay for a while after these, so many and no more, also of who is refused', () => {
    for (let i = 0; i < 70; i++) {
      send('alice', 'bob', `${i}`);
      // Invite, reply, text, ack; that alice needs no more is lost.
      for (let step = 0; step < 4; step++) world.deliver(world.wire.shift()!);
      world.wire.length = 0;
    }
    expect(world.phone('bob').counters.crowdedTexts).toBe(70 - 64);
    world.advance(10_001);
    expect(world.phone('bob').isIdle).toBe(true);
  });
});

describe('text messages over a bad network', () => {
  it('are delivered and kept, or said to have failed; whatever is said to be delivered is kept, once', () => {
    const choices = fc.infiniteStream(fc.nat(99));
    fc.assert(
      fc.property(choices, fc.integer({ min: 1, max: 4 }), (stream, texts) => {
        world = new PhoneWorld(parties.slice(0, 2));
        keepAll();
        const next = () => stream.next().value as number;
        const ids = Array.from({ length: texts }, (_, i) => send('alice', 'bob', `${i}`));
        for (let step = 0; step < 200 && world.wire.length > 0; step++) {
          const [signal] = world.wire.splice(next() % world.wire.length, 1);
          const luck = next();
          if (luck < 10) continue;
          if (luck < 20) world.wire.push(signal!);
          world.deliver(signal!);
        }
        for (let i = 0; i < texts + 2; i++) {
          world.advance(10_000);
          world.settle();
        }
        const ends = world.events.get('alice')!;
        expect(ends.map((event) => 'id' in event && event.id).sort()).toEqual([...ids].sort());
        const keptIds = kept.get('bob')!.map(({ id }) => id);
        for (const event of ends)
          if (event.event === 'message-delivered')
            expect(keptIds.filter((id) => id === event.id)).toHaveLength(1);
        expect(world.eventNames('bob').every((event) => event === 'message')).toBe(true);
        expect([world.phone('alice').isIdle, world.phone('bob').isIdle]).toEqual([true, true]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('the limit of text messages', () => {
  it('leaves room for others, and is bounded in all', () => {
    const limit = new MinuteLimit(TEXTS_PER_MINUTE);
    const admitted = (user: string) =>
      Array.from({ length: 40 }, () => limit.admit(user, 0)).filter(Boolean).length;
    expect(admitted('a')).toBe(30);
    expect(Array.from({ length: 20 }, (_, i) => admitted(`u${i}`)).reduce((a, b) => a + b)).toBe(270);
    expect(limit.admit('a', 60_000)).toBe(true);
  });
});
