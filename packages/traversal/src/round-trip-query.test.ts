import { expect, it } from 'vitest';
import { RoundTripQuery } from './round-trip-query.ts';
import { readStunMessage, StunType, writeStunMessage } from './stun-message.ts';

let last = 0;
const random = (bytes: number) => new Uint8Array(bytes).fill(++last);

function answerTo(request: Uint8Array): Uint8Array {
  const { transaction } = readStunMessage(request)!;
  return writeStunMessage({ type: StunType.BindingSuccess, transaction, attributes: [] });
}

it('measures each server by the very request that it answers', () => {
  const query = new RoundTripQuery(['192.0.2.1:443', '192.0.2.2:443'], random, 0);
  const [first, second] = query.poll(0).map(({ datagram }) => datagram) as [Uint8Array, Uint8Array];
  expect(query.handleDatagram('192.0.2.1:443', answerTo(first), 30)).toEqual({
    server: '192.0.2.1:443',
    rttMs: 30,
  });
  const again = query.poll(300)[0]!;
  expect(again.to).toBe('192.0.2.2:443');
  expect(query.handleDatagram('192.0.2.2:443', answerTo(again.datagram), 350)!.rttMs).toBe(50);
  expect(query.handleDatagram('192.0.2.2:443', answerTo(second), 360)).toBeNull();
  expect(query.deadline).toBe(Number.POSITIVE_INFINITY);
});

it('believes no answer from elsewhere, or to what was not asked', () => {
  const query = new RoundTripQuery(['192.0.2.1:443'], random, 0);
  const { datagram } = query.poll(0)[0]!;
  expect(query.handleDatagram('192.0.2.9:443', answerTo(datagram), 10)).toBeNull();
  const other = datagram.slice();
  other[19]! ^= 1;
  expect(query.handleDatagram('192.0.2.1:443', answerTo(other), 10)).toBeNull();
  expect(query.handleDatagram('192.0.2.1:443', datagram, 10)).toBeNull();
});

it('asks three times and then gives up', () => {
  const query = new RoundTripQuery(['192.0.2.1:443'], random, 0);
  const times: number[] = [];
  while (query.deadline < 1500) {
    times.push(query.deadline);
    expect(query.poll(query.deadline)).toHaveLength(1);
  }
  expect(times).toEqual([0, 300, 800]);
  expect(query.takeSilent(1499)).toEqual([]);
  expect(query.takeSilent(1500)).toEqual(['192.0.2.1:443']);
  expect(query.deadline).toBe(Number.POSITIVE_INFINITY);
});
