import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PcmQueue } from './pcm-queue.ts';

const step = fc.record({
  put: fc.integer({ min: 0, max: 3000 }),
  take: fc.integer({ min: 0, max: 3000 }),
});

test('samples come out as they went in, and what was taken stays as it is', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new PcmQueue();
      const taken: Int16Array[] = [];
      let [put, out] = [0, 0];
      for (const { put: more, take } of steps) {
        queue.put(Int16Array.from({ length: more }, () => put++));
        const count = Math.min(take, queue.length);
        taken.push(queue.take(count));
        out += count;
        expect(queue.length).toBe(put - out);
      }
      expect(taken.flatMap((samples) => [...samples])).toEqual(
        Array.from({ length: out }, (_, i) => (i << 16) >> 16),
      );
    }),
  );
});
