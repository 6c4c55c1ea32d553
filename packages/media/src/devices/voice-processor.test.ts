import { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import { VoiceProcessor } from './voice-processor.ts';

const ALL = { echoCancellation: true, noiseSuppression: true, gainControl: true };
const block = () => new Int16Array(480).fill(1000);

test('sound passes by until the worker is ready, and through it from then on', async () => {
  const blocks: Int16Array[] = [];
  const processed = Promise.withResolvers<Int16Array>();
  const processor = new VoiceProcessor(ALL, {
    onBlock: (one) => {
      blocks.push(one);
      if (one[479] !== 1000) processed.resolve(one);
    },
    onFailed: (error) => processed.reject(error),
  });
  processor.process(block());
  expect(blocks).toEqual([block()]);
  const timer = setInterval(() => {
    processor.hear(new Int16Array(960));
    processor.process(block());
  }, 5);
  expect(await processed.promise).toHaveLength(480);
  clearInterval(timer);
  await processor.close();
});

test('when the worker fails that is said once, and sound passes unprocessed', async () => {
  const blocks: Int16Array[] = [];
  const failed = Promise.withResolvers<Error>();
  const broken = new URL('data:text/javascript,throw new Error("no such library")');
  const processor = new VoiceProcessor(
    ALL,
    { onBlock: (one) => blocks.push(one), onFailed: failed.resolve },
    broken,
  );
  expect((await failed.promise).message).toContain('no such library');
  processor.process(block());
  expect(blocks).toEqual([block()]);
  await processor.close();
});

test('a worker that does not keep up gets no more of either side than it can hold', async () => {
  const sent = vi.spyOn(Worker.prototype, 'postMessage');
  const ready = Promise.withResolvers<void>();
  const stuck = new URL(
    'data:text/javascript,import { parentPort as p } from "node:worker_threads"; p.on("message", () => {}); p.postMessage({ isReady: true });',
  );
  let passed = 0;
  const handlers = { onBlock: () => void passed++, onFailed: ready.reject };
  const processor = new VoiceProcessor(ALL, handlers, stuck);
  // Until it is ready, sound passes by.
  const timer = setInterval(() => {
    const before = passed;
    processor.process(block());
    if (passed === before) ready.resolve();
  }, 5);
  await ready.promise;
  clearInterval(timer);
  for (let i = 0; i < 1000; i++) {
    processor.process(block());
    processor.hear(new Int16Array(960));
  }
  expect(sent.mock.calls.length).toBeLessThanOrEqual(60);
  sent.mockRestore();
  await processor.close();
});
