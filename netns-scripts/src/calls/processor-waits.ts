import { readFileSync } from 'node:fs';
import type { ProgramEvent } from '@overcall/harness';

/** A program that has said its last word is gone a moment later: until then it is looked at so often, ms. */
const LOOK_MS = 100;

/**
 * For how long the first thread of a process had something to do and got no processor, ms: the kernel counts that (`/proc/PID/schedstat`, second number,
 * ns). Null where it does not, or when the process is gone.
 */
export function processorWaitMs(pid: number): number | null {
  try {
    const [, waitedNs] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(waitedNs) / 1e6;
  } catch {
    return null;
  }
}

/** How much of a call, from the answer to its end, programs waited for a processor: whether what was heard says anything about them. */
export class ProcessorWaits {
  readonly #pids: readonly number[];
  readonly #read: (pid: number) => number | null;
  #before: (number | null)[] | null = null;
  #latest: (number | null)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(pids: readonly number[], read = processorWaitMs) {
    this.#pids = pids;
    this.#read = read;
  }

  /** An event of the caller's softphone. */
  handleEvent({ event }: ProgramEvent): void {
    if (event === 'answered') {
      this.#before = this.#pids.map(this.#read);
      this.#timer = setInterval(() => this.#look(), LOOK_MS);
    } else if (event === 'ended') this.stop();
  }

  #look(): void {
    this.#latest = this.#pids.map((pid, i) => this.#read(pid) ?? this.#latest[i] ?? null);
  }

  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#look();
  }

  /** Of each program; null where that is not known. */
  get waitedMs(): (number | null)[] {
    return this.#pids.map((_, i) => {
      const [before, after] = [this.#before?.[i] ?? null, this.#latest[i] ?? null];
      return before === null || after === null ? null : Math.round(after - before);
    });
  }
}
