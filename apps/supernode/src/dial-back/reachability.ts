import type { SupernodeEntry } from '@overcall/identity';
import { drawn, judgeReports, quarterJitter, whatToMend } from '@overcall/overlay';
import type { Logger } from 'pino';
import type { DialBackCandidate, ToldReport } from './candidate.ts';

/** Others that are asked; one of them that reaches everything is enough, when it is listed already. */
const WITNESSES = 4;
const NEEDED = 1;
/**
 * A firewall that was mended, or somebody who can tell, is noticed soon; after that less often. The first is for those who
 * had too many others at once. A witness takes 30 requests of a network, and then one each 5 s.
 */
const RETRY_MS = [3000, 10_000, 30_000, 60_000, 300_000];
/** Firewalls and addresses change while it runs. */
const RECHECK_MS = 3_600_000;

/**
 * Whether others reach this supernode. `alone`: nobody else answers, so nobody can tell; `checking`: not known yet. Once
 * somebody could not reach it, it stays so until somebody does: silence mends nothing.
 */
export type ReachState = { state: 'checking' | 'reached' | 'alone' } | { state: 'unreached'; reason: string };

/** Has others of the list reach this supernode: at the start, when its addresses have changed, and now and then. */
export class Reachability {
  current: ReachState = { state: 'checking' };
  readonly #candidate: DialBackCandidate;
  readonly #others: () => readonly SupernodeEntry[];
  readonly #onChange: () => void;
  readonly #random: () => number;
  readonly #log: Logger;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: {
    candidate: DialBackCandidate;
    /** The others of the newest list. */
    others: () => readonly SupernodeEntry[];
    onChange: () => void;
    /** From [0, 1). */
    random: () => number;
    log: Logger;
  }) {
    this.#candidate = options.candidate;
    this.#others = options.others;
    this.#onChange = options.onChange;
    this.#random = options.random;
    this.#log = options.log;
  }

  /** Checks from now on; reports that admission brought count as the first check. */
  start(): void {
    if (this.current.state === 'checking') void this.#check();
    else this.#schedule();
  }

  /** What others reported when it asked to be admitted. */
  handleReports(told: readonly ToldReport[]): void {
    const problem = told.length === 0 ? null : whatToMend(judgeReports(this.#candidate.entry, told, NEEDED));
    const isReached = told.length > 0 && problem === null;
    if (isReached) this.current = { state: 'reached' };
    else if (problem !== null) this.current = { state: 'unreached', reason: problem };
    else if (this.current.state !== 'unreached') this.current = { state: 'alone' };
    this.#failures = isReached ? 0 : this.#failures + 1;
    if (problem !== null) this.#log.warn({ reason: problem }, 'others do not reach this supernode');
    this.#onChange();
  }

  async #check(): Promise<void> {
    const told = await this.#candidate.ask(drawn(this.#others(), WITNESSES, this.#random));
    if (this.#closed) return;
    this.handleReports(told);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#closed) return;
    const retryMs = RETRY_MS[Math.min(this.#failures, RETRY_MS.length) - 1];
    const afterMs = quarterJitter(retryMs ?? RECHECK_MS, this.#random);
    this.#timer = setTimeout(() => void this.#check(), afterMs);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
