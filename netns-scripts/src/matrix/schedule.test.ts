import { setImmediate as tick } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inLatinOrder, latinOrder, type Place } from './schedule.ts';

const key = ({ row, column }: Place) => `${row},${column}`;

test('the order has every cell once, and as many of another row and column next to each other as there can be', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), (size) => {
      const order = latinOrder(size);
      expect(new Set(order.map(key)).size).toBe(size * size);
      for (let at = 0; at < order.length; at += size) {
        const round = order.slice(at, at + size);
        expect(new Set(round.map(({ row }) => row)).size).toBe(size);
        expect(new Set(round.map(({ column }) => column)).size).toBe(size);
      }
    }),
  );
});

test('every cell is worked at once, never two of a row or column together, and never more than allowed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 8 }),
      fc.infiniteStream(fc.nat(4)),
      async (size, jobs, durations) => {
        const running = new Set<Place>();
        const done: string[] = [];
        let most = 0;
        await inLatinOrder(size, jobs, async (place) => {
          for (const other of running) {
            expect(other.row).not.toBe(place.row);
            expect(other.column).not.toBe(place.column);
          }
          running.add(place);
          most = Math.max(most, running.size);
          for (let turns = durations.next().value; turns >= 0; turns--) await tick();
          running.delete(place);
          done.push(key(place));
        });
        expect(new Set(done).size).toBe(size * size);
        expect(done).toHaveLength(size * size);
        expect(most).toBeLessThanOrEqual(Math.min(jobs, size));
      },
    ),
    { numRuns: 50 },
  );
});

test('after an error nothing more is begun, what has begun is waited for, and the error is told', async () => {
  const begun: Place[] = [];
  let waited = false;
  const work = async (place: Place) => {
    begun.push(place);
    if (begun.length === 2) throw new Error('no');
    for (let turn = 0; turn < 5; turn++) await tick();
    waited = true;
  };
  await expect(inLatinOrder(4, 2, work)).rejects.toThrow('no');
  expect(begun).toHaveLength(2);
  expect(waited).toBe(true);
});
