import { LoopLoad, monotonicMs } from '@overcall/net';

/** How often load is looked at, ms. */
const INTERVAL_MS = 1000;
/** Share of the newest look in the average: a second of much work is not yet overload. */
const NEWEST = 0.3;

export interface LoadParts {
  /** Calls, of those allowed. */
  calls: number;
  /** Bytes forwarded in the last second, of those allowed. */
  bytes: number;
  /** Time in which the event loop worked, of all time: what a core gives. */
  cpu: number;
}

/** What is used, and what is allowed. */
export interface Use {
  calls: number;
  maxCalls: number;
  /** Forwarded since the start. */
  bytes: number;
  maxBytesPerSecond: number;
}

/** Measures how much of its limits a supernode uses, each 0 to 1. */
export class LoadMeter {
  readonly parts: LoadParts = { calls: 0, bytes: 0, cpu: 0 };
  readonly #look: () => Use;
  readonly #timer: NodeJS.Timeout;
  readonly #loop = new LoopLoad();
  #bytes = 0;
  #atMs = monotonicMs();

  constructor(look: () => Use) {
    this.#look = look;
    this.#timer = setInterval(() => this.#measure(), INTERVAL_MS);
    this.#timer.unref();
  }

  /** Of the scarcest. */
  get load(): number {
    const { calls, bytes, cpu } = this.parts;
    return Math.min(1, Math.max(calls, bytes, cpu));
  }

  #measure(): void {
    const { calls, maxCalls, bytes, maxBytesPerSecond } = this.#look();
    const nowMs = monotonicMs();
    const bytesPerSecond = ((bytes - this.#bytes) * 1000) / Math.max(1, nowMs - this.#atMs);
    [this.#bytes, this.#atMs] = [bytes, nowMs];
    // Where none are allowed there is no room either.
    this.parts.calls = calls >= maxCalls ? 1 : calls / maxCalls;
    this.parts.bytes += NEWEST * (bytesPerSecond / maxBytesPerSecond - this.parts.bytes);
    this.parts.cpu += NEWEST * (this.#loop.share() - this.parts.cpu);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
