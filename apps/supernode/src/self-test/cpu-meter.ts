/** Processor time that is measured, after some in which the code becomes warm, ms. */
const CPU_MS = 30;
const WARM_UP_MS = 20;
/** With less processor time, or with less done, nothing can be said. */
const LEAST_CPU_MS = 10;
const LOOK_EVERY = 256;

export interface CpuMeterOptions {
  /** The longest that it takes. */
  wallMs: number;
  nowMs(): number;
  /** Processor time of this process so far. */
  cpuMs(): number;
}

/** Counts what was done, once the code that does it is warm. */
export class CpuMeter {
  readonly #options: CpuMeterOptions;
  readonly #endMs: number;
  #beforeMs: number;
  #isWarm = false;
  #done = 0;

  constructor(options: CpuMeterOptions) {
    this.#options = options;
    this.#endMs = options.nowMs() + options.wallMs;
    this.#beforeMs = options.cpuMs();
  }

  /** True when it is time to stop. */
  count(done = 1): boolean {
    const before = this.#done;
    this.#done += done;
    // Looking at the clocks costs something, too.
    if (Math.floor(before / LOOK_EVERY) === Math.floor(this.#done / LOOK_EVERY)) return false;
    if (!this.#isWarm && this.#cpuMs >= WARM_UP_MS) {
      this.#isWarm = true;
      this.#beforeMs = this.#options.cpuMs();
      this.#done = 0;
    }
    return (this.#isWarm && this.#cpuMs >= CPU_MS) || this.#options.nowMs() >= this.#endMs;
  }

  get #cpuMs(): number {
    return this.#options.cpuMs() - this.#beforeMs;
  }

  /**
   * Null where nothing can be said: on a machine that is busy otherwise the time may be over while code is still being compiled, and
   * threads that compile have used what was counted.
   */
  get perCpuSecond(): number | null {
    const ms = this.#cpuMs;
    const isKnown = this.#isWarm && ms >= LEAST_CPU_MS && this.#done >= LOOK_EVERY;
    return isKnown ? Math.round((this.#done * 1000) / ms) : null;
  }
}
