/**
 * For tests that run concurrently: so many of them are in what they wait for at a time, the others wait for their turn. Vitest's own
 * limit is one for all files.
 */
export function atOnce(limit: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = [];
  let free = limit;
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
