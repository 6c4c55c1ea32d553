import type { ReadyLeg } from '@overcall/call';
import { createLogger } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Attachment } from './attachment.ts';
import { LegRoutes, type LegRoutesHandlers } from './leg-routes.ts';
import { LegStreams } from './leg-streams.ts';

const ROUTE = { hops: ['S'], receiveFlow: 1, sendFlow: 2 };
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A leg whose supernode comes and goes; what it is asked for waits until `answer`. */
function startLeg() {
  const confirmable: boolean[] = [];
  let mayConfirm = false;
  const asked: { opened(bindKey?: string): void; lost(): void }[] = [];
  const refused: number[] = [];
  const sent: unknown[] = [];
  let released = 0;
  let isThere = true;
  let borrowing: PromiseWithResolvers<Attachment | null> | null = null;
  const attachment = {
    entry: { key: { x: 'S' }, control: ['203.0.113.1:443'], udp: ['203.0.113.1:3478'], tlsSha256: '' },
    send: (message: unknown) => sent.push(message),
    openRelay: (flow: { confirmable: boolean }) =>
      new Promise((resolve, reject) => {
        confirmable.push(flow.confirmable);
        asked.push({
          opened: (bindKey = 'AA') => resolve({ bindKey }),
          lost: () => reject(new OvercallError('supernode-unreachable', 'it closed the connection')),
        });
      }),
  } as unknown as Attachment;
  let granted = 0;
  const handlers: LegRoutesHandlers = {
    attachment: () => (isThere ? attachment : undefined),
    borrow: () => borrowing?.promise ?? Promise.resolve(null),
    giveBack: () => {},
    entryOf: () => undefined,
    mayBorrow: () => mayConfirm || borrowing !== null,
    socketFor: () => 0,
    act: (verb) => {
      const nothing = () => {};
      const session = {
        expectRoute: nothing,
        retireRoute: nothing,
        dropRoute: nothing,
        useRelay: () => granted++,
      };
      verb(session as never, 0);
    },
    refuse: (flow) => refused.push(flow),
    onReleased: () => released++,
  };
  const log = createLogger('test', 'silent');
  const streams = new LegStreams({ onDatagram: () => {}, onChange: () => {} }, log);
  const leg = { callId: 'c', peer: { identityKeyId: 'bob' } } as unknown as ReadyLeg;
  const routes = new LegRoutes(leg, handlers, streams, log);
  return {
    ...{ routes, asked, refused, sent, confirmable },
    released: () => released,
    granted: () => granted,
    /** The peer may know our address from now on. */
    expose: () => {
      mayConfirm = true;
      routes.letConfirm();
    },
    setThere: (there: boolean) => {
      isThere = there;
    },
    /** It is to be had; returns how to have it. */
    lend: () => {
      borrowing = Promise.withResolvers();
      return () => borrowing!.resolve(attachment);
    },
  };
}

describe('a supernode that is restarted', () => {
  it('is asked at once for a route that it had not opened yet', async () => {
    const { routes, asked, setThere, granted, refused } = startLeg();
    routes.open(ROUTE);
    await settle();
    setThere(false);
    asked[0]!.lost();
    await settle();
    setThere(true);
    routes.reopenAt('S');
    await settle();
    expect(asked).toHaveLength(2);
    asked[1]!.opened();
    await settle();
    expect([granted(), refused]).toEqual([1, []]);
    routes.releaseAll();
  });

  it('is asked again for one that it had opened', async () => {
    const { routes, asked, granted } = startLeg();
    routes.open(ROUTE);
    await settle();
    asked[0]!.opened();
    await settle();
    routes.reopenAt('S');
    await settle();
    asked[1]!.opened();
    await settle();
    expect(granted()).toBe(2);
    routes.releaseAll();
  });
});

it('a supernode whose bind key is no base64url is asked again some times, and then refused', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const { routes, asked, granted, refused } = startLeg();
  routes.open(ROUTE);
  for (let n = 1; n <= 5; n++) {
    await settle();
    expect([asked.length, refused]).toEqual([n, []]);
    asked[n - 1]!.opened('A');
    await settle();
    vi.advanceTimersByTime(1100);
  }
  expect([granted(), routes.granted, refused]).toEqual([0, [], [ROUTE.receiveFlow]]);
  routes.releaseAll();
  vi.useRealTimers();
});

it('a route that was given up while its supernode was attached to is not opened there', async () => {
  const { routes, asked, setThere, lend } = startLeg();
  setThere(false);
  const attached = lend();
  routes.open(ROUTE);
  routes.close(ROUTE.receiveFlow);
  attached();
  await settle();
  expect(asked).toEqual([]);
  routes.releaseAll();
});

describe('where we are bound', () => {
  it('may be confirmed to a peer that may know it, from the moment on when it may', async () => {
    const { routes, asked, confirmable, granted, expose } = startLeg();
    routes.open(ROUTE);
    await settle();
    asked[0]!.opened();
    await settle();
    expect(confirmable).toEqual([false]);
    expose();
    expose();
    asked[1]!.opened();
    await settle();
    expect([confirmable, granted()]).toEqual([[false, true], 1]);
    routes.releaseAll();
  });

  it('may be confirmed also when the relay answers only after that moment', async () => {
    const { routes, asked, confirmable, granted, expose } = startLeg();
    routes.open(ROUTE);
    await settle();
    expose();
    expect(confirmable).toEqual([false]);
    asked[0]!.opened();
    await settle();
    expect([confirmable, granted()]).toEqual([[false, true], 1]);
    routes.releaseAll();
  });
});

describe('a route that is given up', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  async function givenUp() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const leg = startLeg();
    leg.routes.open(ROUTE);
    await settle();
    leg.asked[0]!.opened();
    await settle();
    leg.routes.close(ROUTE.receiveFlow);
    return leg;
  }
  const CLOSED = [{ t: 'relay-close', receiveFlow: 1, sendFlow: 2 }];

  it('stays open for what the other side still sends', async () => {
    const { routes, sent, released } = await givenUp();
    vi.advanceTimersByTime(900);
    expect([sent, routes.entrances, routes.granted]).toEqual([[], ['S'], []]);
    vi.advanceTimersByTime(200);
    expect([sent, routes.entrances, released()]).toEqual([CLOSED, [], 1]);
  });

  it('is closed with the call', async () => {
    const { routes, sent } = await givenUp();
    routes.releaseAll();
    expect([sent, routes.entrances]).toEqual([CLOSED, []]);
    vi.advanceTimersByTime(2000);
    expect(sent).toEqual(CLOSED);
  });
});
