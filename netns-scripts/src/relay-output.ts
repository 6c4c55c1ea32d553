import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** After the end of a program, what it has written is read within this time, unless its own children hold the pipe. */
const LAST_WORDS_MS = 200;

export type Line = (stream: 'stdout' | 'stderr', line: string) => void;

/** Tells what a program says, line by line, until it has ended. Its children may speak on; nobody waits for them. */
export async function relayOutput(
  child: ChildProcess,
  tell: Line,
): Promise<[code: number | null, signal: NodeJS.Signals | null]> {
  const streams = (['stdout', 'stderr'] as const).map((stream) => {
    const lines = createInterface({ input: child[stream]! });
    lines.on('line', (line) => tell(stream, line));
    return once(lines, 'close');
  });
  const ended = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  const patience = new AbortController();
  const late = delay(LAST_WORDS_MS, undefined, { signal: patience.signal }).catch(() => {});
  await Promise.race([Promise.all(streams), late]);
  patience.abort();
  for (const stream of [child.stdout!, child.stderr!])
    (stream as unknown as { unref?: () => void }).unref?.();
  return ended;
}
