import { describe, expect, it } from 'vitest';
import { MOVE_PATIENCE_MS, Moves } from './moves.ts';

const crowd = (size: number) => new Set(Array.from({ length: size }, (_, index) => index));

describe('moves', () => {
  it('ask everybody once, and wait for them only so long', () => {
    const moves = new Moves();
    expect(moves.askEverybody('draining', crowd(3), 0).map(([connection]) => connection)).toEqual([0, 1, 2]);
    expect(moves.askEverybody('draining', crowd(3), 10)).toEqual([]);
    expect(moves.isPatienceOver(MOVE_PATIENCE_MS - 1)).toBe(false);
    expect(moves.isPatienceOver(MOVE_PATIENCE_MS)).toBe(true);
  });

  it('ask a few in a second while it is crowded, until it is not, and nobody twice in a while', () => {
    const moves = new Moves();
    const attached = crowd(1000);
    const asked: number[] = [];
    const look = (load: number, nowMs: number) =>
      asked.push(...moves.relieve(load, attached, nowMs).map(([connection]) => connection));
    look(0.94, 0);
    expect(asked).toEqual([]);
    for (let nowMs = 1000; nowMs <= 5000; nowMs += 1000) look(0.96, nowMs);
    expect(asked).toHaveLength(50);
    look(0.92, 6000);
    expect(asked).toHaveLength(60);
    look(0.89, 7000);
    look(0.92, 8000);
    expect(asked).toHaveLength(60);
    expect(new Set(asked).size).toBe(60);
  });
});
