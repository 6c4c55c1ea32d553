import { isOutputFull, stopSignal } from '@overcall/cli';

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP, which a softphone takes alike, and when nobody reads its output
 * any more (`| head`): the call is then ended properly. A second signal ends the process at once.
 */
export function interrupted(): { promise: Promise<void>; dispose(): void } {
  const { promise, dispose } = stopSignal();
  const gone = Promise.withResolvers<void>();
  const handle = () => gone.resolve();
  // A full disk ends no call.
  process.stdout.on('error', (error) => {
    if (!isOutputFull(error)) handle();
  });
  process.on('SIGHUP', handle);
  return {
    promise: Promise.race([promise.then(() => {}), gone.promise]),
    dispose() {
      dispose();
      process.off('SIGHUP', handle);
    },
  };
}
