import { performance } from 'node:perf_hooks';

/** Time in which sockets waited for datagrams without giving the event loop back, ms. A variable would be a new object each time. */
const waited = { ms: 0 };

/** To Node a callback that waits is at work. */
export function noteWaited(ms: number): void {
  waited.ms += ms;
}

/** The share of the time since it was asked last in which this process worked: what its one core gives. */
export class LoopLoad {
  #loop = performance.eventLoopUtilization();
  #waitedMs = waited.ms;

  share(): number {
    const loop = performance.eventLoopUtilization();
    const { active, idle } = performance.eventLoopUtilization(loop, this.#loop);
    const waitedMs = waited.ms - this.#waitedMs;
    this.#loop = loop;
    this.#waitedMs = waited.ms;
    return active + idle === 0 ? 0 : Math.max(0, active - waitedMs) / (active + idle);
  }
}
