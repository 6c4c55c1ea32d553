import { createLogger } from '@overcall/cli';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PoolStart } from './pool-start.ts';

const SILENCE = { error: new Error('does not answer'), retryAfterMs: undefined, underWay: 1 };
const LONG_MS = 5000;

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

/** A start, and what has become of it. */
function begin() {
  const start = new PoolStart(createLogger('test', 'silent'));
  let state = 'waiting';
  start.over.then(
    () => (state = 'attached'),
    () => (state = 'failed'),
  );
  const settle = async () => {
    await vi.advanceTimersByTimeAsync(0);
    return state;
  };
  return { start, settle };
}

it('a supernode that does not answer is tried twice', async () => {
  const { start, settle } = begin();
  start.handleFailed('S', { ...SILENCE, listed: 1, tookMs: LONG_MS });
  expect(await settle()).toBe('waiting');
  start.handleFailed('S', { ...SILENCE, listed: 1, tookMs: LONG_MS });
  expect(await settle()).toBe('failed');
});

it('and may take us then', async () => {
  const { start, settle } = begin();
  start.handleFailed('S', { ...SILENCE, listed: 1, tookMs: LONG_MS });
  start.handleAttached();
  expect(await settle()).toBe('attached');
});

it('a host without a supernode is tried once', async () => {
  const { start, settle } = begin();
  start.handleFailed('S', { ...SILENCE, listed: 1, tookMs: 2 });
  expect(await settle()).toBe('failed');
});

it('is not over while another attach is under way', async () => {
  const { start, settle } = begin();
  start.handleFailed('S', { ...SILENCE, listed: 1, tookMs: 2, underWay: 2 });
  expect(await settle()).toBe('waiting');
});
