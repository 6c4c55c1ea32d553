import { describe, expect, it } from 'vitest';
import { CarriedCalls, LOOKS } from './carried-calls.ts';
import { at, HopNetwork, media, type Route } from './hop-network.test-support.ts';
import { FIRST_CONNECTION, type RelaySource } from './relay-flows.ts';

const A = at('198.51.100.1', 1001);
const B = at('203.0.113.1', 2002);
const OVER_TCP: RelaySource = { ...B, socket: FIRST_CONNECTION };
const NONE = { relayUdp: 0, relayTcp: 0, overlay: 0 };

/** A call over `way`, opened and bound from both ends, and what each of its supernodes counts. */
function callOver(way: string, bobsSource = B) {
  const net = new HopNetwork(way);
  const last = way.at(-1)!;
  const alice = net.attach('alice', way[0]!, A);
  const bob = net.attach('bob', last, bobsSource);
  const route: Route = { receiveFlow: 0xaaaa0001, sendFlow: 0xbbbb0002, way };
  const back = { receiveFlow: route.sendFlow, sendFlow: route.receiveFlow, way: [...way].reverse().join('') };
  const [asked, answered] = [net.open(alice, 'bob', route), net.open(bob, 'alice', back)];
  expect([net.bind(alice, asked, route), net.bind(bob, answered, back)]).toEqual([true, true]);
  const counters = new Map([...net.worlds].map(([letter, { relay }]) => [letter, new CarriedCalls(relay)]));
  /** Both parties send each `everyMs`, for as long as the looks take, which are a second apart. */
  const talk = (everyMs: number, { isOneSided = false } = {}) => {
    for (let ms = 0; ms < LOOKS * 1000; ms += 20) {
      if (ms % everyMs === 0) {
        net.send(A, way[0]!, media(route.sendFlow));
        if (!isOneSided) net.send(bobsSource, last, media(route.receiveFlow));
      }
      net.wait(20);
      if ((ms + 20) % 1000 === 0)
        for (const [letter, counter] of counters) counter.look(net.at(letter).nowMs);
    }
    return Object.fromEntries([...counters].map(([letter, counter]) => [letter, counter.take()]));
  };
  return { talk };
}

describe('calls that a supernode carries', () => {
  it('are those that send audio, by the kind of way', () => {
    expect(callOver('p').talk(20)).toEqual({ p: { ...NONE, relayUdp: 1 } });
    expect(callOver('p', OVER_TCP).talk(20)).toEqual({ p: { ...NONE, relayTcp: 1 } });
  });

  it('are counted once, by one of the two ends, when they go over several supernodes', () => {
    expect(callOver('pqr').talk(20)).toEqual({ p: { ...NONE, overlay: 1 }, q: NONE, r: NONE });
    expect(callOver('rq').talk(20)).toEqual({ r: NONE, q: { ...NONE, overlay: 1 } });
  });

  it('are not those that keep a way warm, nor those of whom one side is silent', () => {
    expect(callOver('p').talk(1000)).toEqual({ p: NONE });
    expect(callOver('p').talk(20, { isOneSided: true })).toEqual({ p: NONE });
  });

  it('are looked for anew each time', () => {
    const { talk } = callOver('p');
    expect(talk(20).p).toEqual({ ...NONE, relayUdp: 1 });
    expect(talk(1000).p).toEqual(NONE);
    expect(talk(20).p).toEqual({ ...NONE, relayUdp: 1 });
  });
});
