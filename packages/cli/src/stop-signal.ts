import { ExitCode } from './exit-code.ts';

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function stopSignal(): { promise: Promise<StopSignal>; dispose(): void } {
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  let count = 0;
  const handle = (signal: StopSignal) => {
    if (++count > 1) process.exit(ExitCode.Interrupted);
    resolve(signal);
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    promise,
    dispose() {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}

/** How a service ends: SIGTERM is how its supervisor stops it, so that is no failure. */
export function serviceExitCode(signal: StopSignal): number {
  return signal === 'SIGINT' ? ExitCode.Interrupted : ExitCode.Done;
}
