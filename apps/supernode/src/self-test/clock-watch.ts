import type { ClockReading } from '@overcall/net';
import { quarterJitter } from '@overcall/overlay';
import type { Logger } from 'pino';
import type { SelfTestResult } from '../options.ts';
import { clockCheck } from './clock-check.ts';

const LOOK_MS = 600_000;
/** The first look, and while the clock is wrong: that it was mended is noticed soon. */
const SOON_MS = 60_000;

/** Looks at the clock of this host while the supernode runs: it may be set wrong later, or have been unknown at the start. */
export class ClockWatch {
  /** What was found last; null before that. */
  newest: SelfTestResult | null = null;
  readonly #read: () => Promise<ClockReading>;
  readonly #onChange: () => void;
  readonly #random: () => number;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: {
    /** Rejects where it cannot be found out. */
    read: () => Promise<ClockReading>;
    /** It has become wrong, or right. */
    onChange: () => void;
    /** From [0, 1). */
    random: () => number;
    log: Logger;
  }) {
    this.#read = options.read;
    this.#onChange = options.onChange;
    this.#random = options.random;
    this.#log = options.log;
  }

  /** How the clock is wrong; null when it is right, or nobody knows. */
  get trouble(): string | null {
    return this.newest?.ok === false ? this.newest.detail : null;
  }

  start(): void {
    this.#schedule(SOON_MS);
  }

  async #look(): Promise<void> {
    try {
      this.#take(clockCheck(await this.#read()));
    } catch (error) {
      // Silence mends nothing, and makes nothing wrong.
      this.#log.debug({ err: error }, 'the clock could not be compared with the directory');
    }
    this.#schedule(this.trouble === null ? LOOK_MS : SOON_MS);
  }

  #take(found: SelfTestResult): void {
    const before = this.trouble;
    this.newest = found;
    if (found.ok === (before === null)) return;
    if (found.ok) this.#log.info({ clock: found.detail }, 'the clock is right again');
    else this.#log.warn({ clock: found.detail }, 'the clock is wrong: what is signed here may be refused');
    this.#onChange();
  }

  #schedule(afterMs: number): void {
    if (this.#closed) return;
    // Jitter: supernodes that were started together do not ask together for ever.
    this.#timer = setTimeout(() => void this.#look(), quarterJitter(afterMs, this.#random));
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
