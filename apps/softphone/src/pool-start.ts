import type { Logger } from '@overcall/cli';
import { monotonicMs } from '@overcall/net';
import { FIRST_ROUND, StartPatience } from '@overcall/overlay';

/** An attach that failed after so long got no answer: a refusal, or a host without a supernode, is quicker, ms. */
const UNANSWERED_MS = 4000;

/** What came of an attach that failed. */
export interface FailedAttach {
  error: unknown;
  /** How long it had been tried, ms. */
  tookMs: number;
  /** As the supernode said; undefined where it refused for good, or did not answer. */
  retryAfterMs: number | undefined;
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
  /** How often each supernode has failed. */
  readonly #failures = new Map<string, number>();
  /** Supernodes that did not answer: packets may have got lost, so that each of them is tried twice. */
  readonly #unanswered = new Set<string>();
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

  handleFailed(id: string, { error, tookMs, retryAfterMs, listed, underWay }: FailedAttach): void {
    this.#failures.set(id, (this.#failures.get(id) ?? 0) + 1);
    if (tookMs >= UNANSWERED_MS) this.#unanswered.add(id);
    this.#patience.handleFailed(id, retryAfterMs, monotonicMs());
    if (this.#isOver(listed) && underWay <= 1) this.#waitOrFail(error);
  }

  /** One that refuses at once fails several times while another one is waited for: that leaves the other its second try. */
  #isOver(listed: number): boolean {
    const tries = [...this.#failures];
    const isTriedOut = ([id, failures]: [string, number]) => failures > (this.#unanswered.has(id) ? 1 : 0);
    const all = tries.reduce((sum, [, failures]) => sum + failures, 0);
    return all >= FIRST_ROUND || tries.filter(isTriedOut).length >= listed;
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
