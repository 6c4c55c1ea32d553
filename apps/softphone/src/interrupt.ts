import { stopSignal } from '@overcall/cli';

/** Resolves at the first SIGINT or SIGTERM, which a softphone takes alike; a second one ends it at once. */
export function interrupted(): { promise: Promise<void>; dispose(): void } {
  const { promise, dispose } = stopSignal();
  return { promise: promise.then(() => {}), dispose };
}
