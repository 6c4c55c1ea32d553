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

/** A worker that is ready at once and then does this with each message. */
const workerThat = (does: string) =>
  new URL(
    `data:text/javascript,import { parentPort as p } from "node:worker_threads"; p.on("message", () => { ${does} }); p.postMessage({ isReady: true });`,
  );

/** A processor whose worker is ready; one block is under way. */
async function openReady(worker: URL, onFailed: (error: Error) => void) {
  const passed: Int16Array[] = [];
  const processor = new VoiceProcessor(ALL, { onBlock: (one) => passed.push(one), onFailed }, worker);
  let before: number;
  do {
    await new Promise((resolve) => setTimeout(resolve, 5));
    before = passed.length;
    processor.process(block());
  } while (passed.length > before);
  return { processor, passed };
}

test('a worker that hangs gets no more of either side than it can hold; the rest passes, and in the end it is given up', async () => {
  const failures: string[] = [];
  const { processor, passed } = await openReady(workerThat(''), ({ message }) => failures.push(message));
  let nowMs = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  const sent = vi.spyOn(Worker.prototype, 'postMessage');
  const before = passed.length;
  for (let i = 0; i < 1000; i++) {
    nowMs += 10;
    processor.process(block());
    processor.hear(new Int16Array(960));
  }
  expect(sent.mock.calls.length).toBeLessThanOrEqual(60);
  // And the one that was under way.
  expect(passed.length - before).toBe(1001);
  expect(failures).toEqual(['the worker does not keep up']);
  sent.mockRestore();
  clock.mockRestore();
  await processor.close();
});

test('what is under way when a worker dies passes as it is', async () => {
  const failed = Promise.withResolvers<Error>();
  const { processor, passed } = await openReady(workerThat('process.exit(1)'), failed.resolve);
  const before = passed.length;
  expect((await failed.promise).message).toContain('ended');
  expect(passed.length - before).toBe(1);
  await processor.close();
});

test('while it is muted, or the microphone is off, the worker gets nothing of either side', async () => {
  const sent = vi.spyOn(Worker.prototype, 'postMessage');
  const ready = Promise.withResolvers<void>();
  const willing = new URL(
    'data:text/javascript,import { parentPort as p } from "node:worker_threads"; p.on("message", (m) => "near" in m && p.postMessage({ block: m.near })); p.postMessage({ isReady: true });',
  );
  const passed: Int16Array[] = [];
  const handlers = { onBlock: (one: Int16Array) => passed.push(one), onFailed: ready.reject };
  const processor = new VoiceProcessor(ALL, handlers, willing);
  const timer = setInterval(() => {
    const before = passed.length;
    processor.process(block());
    if (passed.length === before) ready.resolve();
  }, 5);
  await ready.promise;
  clearInterval(timer);
  const messagesOf = (blocks: number, sample: number) => {
    const before = sent.mock.calls.length;
    for (let i = 0; i < blocks; i++) processor.process(new Int16Array(480).fill(sample));
    processor.hear(new Int16Array(960));
    return sent.mock.calls.length - before;
  };
  processor.setMuted(true);
  expect(messagesOf(10, 1000)).toBe(0);
  processor.setMuted(false);
  expect(messagesOf(1, 1000)).toBe(2);
  // Off for a second, it passes by; the first block that is something goes through again.
  processor.setMuted(true);
  messagesOf(100, 0);
  processor.setMuted(false);
  expect(messagesOf(1, 0)).toBe(0);
  expect(messagesOf(1, 1)).toBe(2);
  sent.mockRestore();
  await processor.close();
});
