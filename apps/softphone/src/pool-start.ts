import type { Logger } from '@overcall/cli';
import { monotonicMs } from '@overcall/net';
import { type FailedTry, StartPatience } from '@overcall/overlay';

/** What came of an attach that failed. */
export interface FailedAttach extends FailedTry {
  error: unknown;
  /** Supernodes in the list. */
  listed: number;
  /** Attaches under way, this one included. */
  underWay: number;
}

/** The wait for the first supernode that takes this softphone: it ends with that, or with the last refusal. */
export class PoolStart {
  readonly #log: Logger;
  readonly #over = Promise.withResolvers<void>();
  readonly #patience = new StartPatience(monotonicMs());
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
    this.#over.promise.catch(() => {});
  }

  /** Rejects with OvercallError when nobody takes us. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  handleAttached(): void {
    this.close();
    this.#over.resolve();
  }

  handleFailed(id: string, { error, listed, underWay, ...failed }: FailedAttach): void {
    this.#patience.handleFailed(id, failed, monotonicMs());
    if (this.#patience.isTriedOut(listed) && underWay <= 1) this.#waitOrFail(error);
  }

  #waitOrFail(error: unknown): void {
    clearTimeout(this.#timer);
    const nowMs = monotonicMs();
    const untilMs = this.#patience.waitsUntilMs(nowMs);
    if (untilMs === null) {
      this.fail(error);
      return;
    }
    this.#log.warn({ error: String(error) }, 'no supernode has room; they are asked again');
    this.#timer = setTimeout(() => this.fail(error), untilMs - nowMs);
  }

  /** Nothing is left to be hoped for. */
  fail(error: unknown): void {
    this.#over.reject(error);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
