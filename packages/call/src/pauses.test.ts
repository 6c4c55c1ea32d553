import { DatagramType } from '@overcall/wire';
import { expect, test } from 'vitest';
import { RelayedPair } from './relayed-pair.test-support.ts';

const ONE = { via: ['one'], flows: { a: 11, b: 12 } };
const TWO = { via: ['two'], flows: { a: 21, b: 22 } };

function talking(): RelayedPair {
  const pair = new RelayedPair(['one', 'two']);
  pair.open(ONE);
  pair.open(TWO);
  pair.run(300);
  pair.talk();
  pair.run(3000);
  return pair;
}

test('half a minute in which nobody speaks is no silence of the path: nothing is repeated, switched, lost or ended', () => {
  const pair = talking();
  const before = { packets: pair.sessions.a.stats().sentPackets, atMs: pair.nowMs };
  pair.isPausing = true;
  pair.run(30_000);
  for (const side of ['a', 'b'] as const) {
    expect(pair.said(side, 'path', before.atMs)).toEqual([]);
    expect(pair.said(side, 'ended')).toEqual([]);
    expect(pair.sessions[side].stats().lostPackets).toBe(0);
  }
  expect(pair.sessions.a.stats().sentPackets - before.packets).toBe(300);
  // No copies on the other path.
  const media = pair
    .said('a', 'send', before.atMs)
    .filter(({ datagram }) => datagram[0] === DatagramType.Media);
  expect(media).toHaveLength(300);
  pair.isPausing = false;
  const againAtMs = pair.nowMs;
  pair.run(3000);
  expect(pair.longestGap('b', againAtMs)).toBeLessThan(100);
  expect(pair.said('b', 'path', before.atMs)).toEqual([]);
});

test('a path that dies while nobody speaks is left before anybody does again', () => {
  const pair = talking();
  pair.isPausing = true;
  pair.run(5000);
  const [dead] = pair.viaOf('a');
  const diedAtMs = pair.nowMs;
  pair.supernodes[dead!]!.isAlive = false;
  pair.run(1000);
  expect(pair.viaOf('a')).not.toEqual([dead]);
  expect(pair.longestGap('b', diedAtMs)).toBeLessThan(500);
});
