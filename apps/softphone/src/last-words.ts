import { ExitCode, errorLine } from '@overcall/cli';

/** What is said to others after a crash gets so long, ms: who knows what still works. */
const PATIENCE_MS = 1000;

/**
 * After an exception that nobody caught the program ends, but not without a word: whom one talked with should not have to
 * find out by silence. Returns how to leave it to Node again.
 */
export function onCrash(sayGoodbye: () => Promise<unknown>): () => void {
  let hasCrashed = false;
  const handle = (error: unknown) => {
    if (hasCrashed) process.exit(ExitCode.Error);
    hasCrashed = true;
    process.stderr.write(`overcall: ${errorLine(error)}\n`);
    setTimeout(() => process.exit(ExitCode.Error), PATIENCE_MS);
    void sayGoodbye().finally(() => process.exit(ExitCode.Error));
  };
  process.on('uncaughtException', handle);
  return () => process.off('uncaughtException', handle);
}
