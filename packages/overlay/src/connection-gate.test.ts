import { describe, expect, it } from 'vitest';
import { ConnectionGate } from './connection-gate.ts';

/** How many of `count` that come at once are let in. */
function admitted(gate: ConnectionGate, count: number, address: (i: number) => string, nowMs = 0): number {
  return Array.from({ length: count }, (_, i) => gate.admit(address(i), nowMs)).filter(Boolean).length;
}
const CROWD = (i: number) => `10.${i >> 8}.${i & 255}.1`;
const LISTED = '192.0.2.1';

describe('ConnectionGate', () => {
  it('lets a listed supernode in while everybody comes at once, and a stranger not', () => {
    const gate = new ConnectionGate(0);
    gate.handleList(new Set([LISTED, '2001:db8::1']));
    expect(admitted(gate, 1000, CROWD)).toBe(200);
    expect(gate.admit('198.51.100.1', 0)).toBe(false);
    expect(gate.admit(LISTED, 0)).toBe(true);
    expect(gate.admit(`::ffff:${LISTED}`, 0)).toBe(true);
    expect(gate.admit('2001:db8:0::1', 0)).toBe(true);
  });

  it('knows nobody who has left the list', () => {
    const gate = new ConnectionGate(0);
    gate.handleList(new Set([LISTED]));
    gate.handleList(new Set());
    admitted(gate, 1000, CROWD);
    expect(gate.admit(LISTED, 0)).toBe(false);
  });

  it('gives a supernode few beside what everybody has, and all of them not many more', () => {
    const gate = new ConnectionGate(0);
    gate.handleList(new Set(Array.from({ length: 1000 }, (_, i) => CROWD(i))));
    expect(admitted(gate, 1000, () => CROWD(0))).toBe(20 + 200);
    expect(admitted(gate, 1000, CROWD)).toBe(40);
    // In the long run too, beside the 200 of everybody.
    let later = 0;
    for (let second = 1; second <= 100; second++) later += admitted(gate, 1000, CROWD, second * 1000);
    expect(later).toBe(100 * (200 + 20));
  });
});
