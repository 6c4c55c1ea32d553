import { PerformanceObserver } from 'node:perf_hooks';
import { linuxCalls } from '../../packages/net/src/linux-calls.ts';

/**
 * What a relay's one thread is at: `loop` is Node's own turn, in which it may sleep; `await` waiting for a wave; `fetch` and
 * `send` the kernel's part of relaying; `work` JavaScript, collections included.
 */
export const STATES = ['loop', 'await', 'fetch', 'send', 'work'] as const;
export type State = (typeof STATES)[number];

/** What a slow packet waited for, and for how long that state lasted, ms. */
export interface Cause {
  state: State;
  lastedMs: number;
  /** Most of it was a collection. */
  isCollection: boolean;
}

/** Of some seconds: eight for each wave. */
const PLACES = 1 << 21;

/** When this process began each state, newest last, on the clock that all processes of a machine share, ms. */
export class WaveLog {
  readonly #atMs = new Float64Array(PLACES);
  readonly #states = new Uint8Array(PLACES);
  #count = 0;
  readonly #collections: { fromMs: number; toMs: number }[] = [];
  /** From `performance.now()` to the clock of the machine. */
  readonly #offsetMs = machineOffsetMs();

  /** From now on the system calls of the batch socket are written down. They all share one object. */
  static async start(): Promise<WaveLog> {
    const log = new WaveLog();
    const calls = await linuxCalls();
    if (typeof calls === 'string') throw new Error(calls);
    const { recvmmsg, sendmmsg, ppoll, watch } = calls;
    const within =
      <Args extends unknown[], Result>(
        state: State,
        call: (...args: Args) => Result,
        after: State = 'work',
      ) =>
      (...args: Args): Result => {
        log.#note(state);
        const result = call(...args);
        log.#note(after);
        return result;
      };
    calls.recvmmsg = within('fetch', recvmmsg);
    calls.sendmmsg = within('send', sendmmsg);
    calls.ppoll = within('await', ppoll);
    calls.watch = (fd, onReadable) => watch(fd, within('work', onReadable, 'loop'));
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries())
        log.#collections.push({ fromMs: startTime, toMs: startTime + duration });
    }).observe({ entryTypes: ['gc'] });
    return log;
  }

  #note(state: State): void {
    const place = this.#count++ % PLACES;
    this.#atMs[place] = performance.now();
    this.#states[place] = STATES.indexOf(state);
  }

  /** Of packets that were on the way from when to when on the clock of the machine, ms. */
  causesOf(packets: readonly (readonly [number, number])[]): (Cause | null)[] {
    return packets.map(([fromMs, toMs]) => this.#causeOf(fromMs - this.#offsetMs, toMs - this.#offsetMs));
  }

  /** The state that took most of that time. */
  #causeOf(fromMs: number, toMs: number): Cause | null {
    let best: Cause | null = null;
    let most = 0;
    for (let n = this.#firstAfter(fromMs); n <= this.#count; n++) {
      const beganMs = this.#atMs[(n - 1) % PLACES]!;
      const endedMs = n < this.#count ? this.#atMs[n % PLACES]! : performance.now();
      if (beganMs >= toMs) break;
      const overlapMs = Math.min(endedMs, toMs) - Math.max(beganMs, fromMs);
      if (overlapMs <= most) continue;
      most = overlapMs;
      const state = STATES[this.#states[(n - 1) % PLACES]!]!;
      best = { state, lastedMs: endedMs - beganMs, isCollection: this.#isCollection(beganMs, endedMs) };
    }
    return best;
  }

  /** The first change of state after that time. */
  #firstAfter(ms: number): number {
    let [low, high] = [Math.max(1, this.#count - PLACES + 1), this.#count];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#atMs[middle % PLACES]! > ms) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #isCollection(beganMs: number, endedMs: number): boolean {
    const within = this.#collections.map(
      ({ fromMs, toMs }) => Math.min(endedMs, toMs) - Math.max(beganMs, fromMs),
    );
    return Math.max(0, ...within) > 0.5 * (endedMs - beganMs);
  }
}

/** What to add to `performance.now()` for the clock that all processes of a machine share, ms. */
export function machineOffsetMs(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now();
}
