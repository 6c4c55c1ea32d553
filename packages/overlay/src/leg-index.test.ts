import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LegIndex } from './leg-index.ts';
import { type Leg, newLeg } from './relay-flows.ts';
import { DEFAULT_RELAY_LIMITS } from './relay-limits.ts';

/** The highest id is the one whose sign is another: -1. */
const FLOWS = [1, 2, 0x7fffffff, 0x80000000, 0xffffffff];
const anyKey = fc.record({
  party: fc.constantFrom('alice', 'bob', 'carol'),
  receiveFlow: fc.constantFrom(...FLOWS),
  sendFlow: fc.constantFrom(...FLOWS),
});

it('finds what was added and not deleted, in the order in which it came, like a plain list', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyKey, fc.boolean()), { maxLength: 60 }), (steps) => {
      const index = new LegIndex<null>();
      let list: { leg: Leg<null>; sendFlow: number }[] = [];
      for (const [key, isAdded] of steps) {
        const found = index.find(key);
        if (isAdded && found === undefined) {
          const leg = newLeg({ ...key, peer: 'zoe', ticket: null }, 1, DEFAULT_RELAY_LIMITS, 0);
          index.add(leg);
          list.push({ leg, sendFlow: key.sendFlow });
        } else if (!isAdded && found !== undefined) {
          expect([index.delete(found), index.delete(found)]).toEqual([true, false]);
          list = list.filter(({ leg }) => leg !== found);
        }
        expect(index.size).toBe(list.length);
        for (const flow of FLOWS) {
          const expected = list.filter(({ sendFlow }) => sendFlow === flow).map(({ leg }) => leg);
          expect(index.all(flow)).toEqual(expected);
          expect(index.first(flow)).toBe(expected[0]);
        }
        expect(new Set(index.filter(() => true))).toEqual(new Set(list.map(({ leg }) => leg)));
      }
    }),
  );
});
