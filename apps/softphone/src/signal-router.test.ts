import { beforeEach, describe, expect, it } from 'vitest';
import { SignalRouter } from './signal-router.ts';

const TO = { device: 'bob', endpoint: 'e' };
const BODY = new Uint8Array([1]);

let sent: string[];
let undeliverable: number;
let nowMs: number;
let mine: string[];
/** Supernodes that can be visited. */
let visitable: string[];
let mayVisit: boolean;
let router: SignalRouter;
beforeEach(() => {
  sent = [];
  undeliverable = 0;
  nowMs = 0;
  mine = ['A', 'B'];
  visitable = [];
  mayVisit = true;
  router = new SignalRouter({
    mine: () => mine,
    send: (at, { supernode }) => sent.push(at === supernode ? at : `${at}>${supernode}`),
    visit: async (supernode) => {
      if (visitable.includes(supernode)) mine = [...mine, supernode];
      return visitable.includes(supernode);
    },
    mayVisit: () => mayVisit,
    onUndeliverable: () => undeliverable++,
    now: () => nowMs,
  });
});

const send = (...supernodes: string[]) => router.send({ to: TO, supernodes, callId: 'c', body: BODY });
const fail = (at: string, supernode?: string) => router.handleFailed(at, TO, 'c', supernode);
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('signals', () => {
  it('go over two ways, and over a third when one of these fails', () => {
    send('C', 'D');
    expect(sent).toEqual(['A>C', 'B>D']);
    fail('A');
    expect(sent).toEqual(['A>C', 'B>D', 'B>C']);
    fail('B', 'D');
    expect(sent.at(-1)).toBe('A>D');
  });

  it('are undeliverable only when every way has failed, and the supernodes of the peer cannot be visited', async () => {
    send('C');
    fail('A');
    await settle();
    expect(undeliverable).toBe(0);
    fail('B');
    await settle();
    expect(undeliverable).toBe(1);
  });

  it('are brought to the supernode of the peer where ours have no link to it', async () => {
    visitable = ['C'];
    send('C');
    fail('A');
    fail('B');
    await settle();
    expect([sent.at(-1), undeliverable]).toEqual(['C', 0]);
  });

  it('of those who are called make them go nowhere', async () => {
    visitable = ['C'];
    mayVisit = false;
    send('C');
    fail('A');
    fail('B');
    await settle();
    expect([mine, undeliverable]).toEqual([['A', 'B'], 1]);
  });

  it('leave a way alone that failed a moment ago, and try it again later', () => {
    send('A');
    expect(sent).toEqual(['A', 'B>A']);
    fail('A');
    send('A');
    expect(sent.slice(2)).toEqual(['B>A']);
    nowMs += 5000;
    send('A');
    expect(sent.slice(3)).toEqual(['A', 'B>A']);
  });

  it('of long ago are not sent again', () => {
    send('C', 'D');
    nowMs += 10_000;
    fail('A');
    expect(sent).toEqual(['A>C', 'B>D']);
  });

  it('wait for us while we are attached nowhere', async () => {
    mine = [];
    send('C');
    await settle();
    expect([sent, undeliverable]).toEqual([[], 0]);
  });

  it('that fail again and again make us visit nobody more than once in five seconds', async () => {
    for (let i = 0; i < 5; i++) {
      send('C');
      fail('A');
      fail('B');
      await settle();
    }
    expect(undeliverable).toBe(5);
  });
});
