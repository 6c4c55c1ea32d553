import { afterEach, expect, it, vi } from 'vitest';
import { serviceExitCode, stopSignal } from './stop-signal.ts';

afterEach(() => vi.restoreAllMocks());

it('tells the first signal; the second ends the process', async () => {
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  const listeners = process.listenerCount('SIGTERM');
  const stopped = stopSignal();
  process.emit('SIGTERM', 'SIGTERM');
  expect(await stopped.promise).toBe('SIGTERM');
  expect(exit).not.toHaveBeenCalled();
  process.emit('SIGINT', 'SIGINT');
  expect(exit).toHaveBeenCalledWith(130);
  stopped.dispose();
  expect(process.listenerCount('SIGTERM')).toBe(listeners);
});

it('is a failure of a service only by SIGINT', () => {
  expect([serviceExitCode('SIGINT'), serviceExitCode('SIGTERM')]).toEqual([130, 0]);
});
