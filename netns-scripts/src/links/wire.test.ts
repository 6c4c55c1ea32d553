import { expect, test } from 'vitest';
import { seededRandom } from './random.test-support.ts';
import { Wires } from './wire.ts';

const MACS = 'ffffffffffff0200000000aa';
const ARP = Buffer.from(`${MACS}08060001080006040001`, 'hex');
/** 100 bytes of IPv4. */
const PACKET = Buffer.concat([Buffer.from(`${MACS}0800`, 'hex'), Buffer.alloc(100, 0x45)]);

const wires = () =>
  new Wires(
    [
      { node: 'a', nodeSide: 1, farSide: 2, link: { delayMs: 10, down: { delayMs: 30 } } },
      { node: 'b', nodeSide: 3, farSide: 4, link: { lossPct: 100 } },
    ],
    seededRandom(1),
  );

test('frames cross to the other side with the delay of their direction', () => {
  expect(wires().handleFrame(PACKET, 1, 5)).toEqual({ to: 2, departuresMs: [15] });
  expect(wires().handleFrame(PACKET, 2, 5)).toEqual({ to: 1, departuresMs: [35] });
});

test('address resolution passes at once and is never lost', () => {
  expect(wires().handleFrame(ARP, 1, 5)).toEqual({ to: 2, departuresMs: [5] });
  expect(wires().handleFrame(ARP, 3, 5)).toEqual({ to: 4, departuresMs: [5] });
  expect(wires().handleFrame(PACKET, 3, 5)).toEqual({ to: 4, departuresMs: [] });
});

test('frames from elsewhere are nobody’s', () => {
  expect(wires().handleFrame(PACKET, 9, 5)).toBeNull();
});

test('bandwidth counts the packet without its Ethernet header', () => {
  const all = wires();
  all.setLink('a', { kbitPerS: 8 });
  expect(all.handleFrame(PACKET, 1, 0)).toEqual({ to: 2, departuresMs: [100] });
});

test('a new link takes effect at once, without the queue of the old one', () => {
  const all = wires();
  all.setLink('a', { kbitPerS: 8 });
  all.handleFrame(PACKET, 1, 0);
  all.setLink('a', { delayMs: 1 });
  expect(all.handleFrame(PACKET, 1, 0)).toEqual({ to: 2, departuresMs: [1] });
  expect(all.handleFrame(PACKET, 2, 0)).toEqual({ to: 1, departuresMs: [1] });
  expect(() => all.setLink('nobody', {})).toThrow('"nobody" has no link');
});
