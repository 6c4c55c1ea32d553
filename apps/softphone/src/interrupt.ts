/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function interrupted(): { promise: Promise<void>; dispose(): void } {
  let resolve: () => void;
  let count = 0;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  const handle = () => {
    if (++count > 1) process.exit(130);
    resolve();
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
