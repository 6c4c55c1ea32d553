import { type KeyId, peekClaims, StatusReport, verifyObject } from '@overcall/identity';
import { refusal } from '../api-error.ts';
import type { Signer } from '../list-publisher.ts';
import { RateLimitedError } from '../request-limiter.ts';
import type { Store } from '../store.ts';

/** Between two reports of a supernode, as long as they are few. */
const INTERVAL_S = 60;
/** Reports of all supernodes together: with more of them each reports less often. */
const REPORTS_PER_SECOND = 50;
/** A supernode is silent when so many intervals have passed without a report. */
const SILENT_AFTER = 3;
/** As many as the list has places. */
const MAX_REPORTS = 10_000;

export type ReportClaims = Omit<StatusReport, 'iss'>;

interface Kept {
  report: ReportClaims;
  atMs: number;
}

/**
 * The newest report of each supernode, for the status page. In memory only: after a restart the page is full again within a
 * minute, and there is no history that could tell on anybody.
 */
export class ReportDesk {
  readonly #store: Pick<Store, 'supernode'>;
  readonly #signer: Signer;
  readonly #now: () => number;
  readonly #bySupernode = new Map<KeyId, Kept>();

  constructor(store: Pick<Store, 'supernode'>, signer: Signer, now: () => number) {
    this.#store = store;
    this.#signer = signer;
    this.#now = now;
  }

  /** Takes a report; says when it wants the next one. @throws OvercallError */
  async take(token: string): Promise<{ nextS: number }> {
    const iss = peekClaims(StatusReport, token)?.iss;
    if (iss === undefined) throw refusal('signature-invalid', `not a well-formed ${StatusReport.typ}`);
    const supernode = await this.#store.supernode(iss);
    if (supernode?.status !== 'admitted') {
      throw refusal('not-listed', 'only supernodes of the list report here');
    }
    const options = { audience: this.#signer.keyId, nowMs: this.#now() };
    const report = await verifyObject(StatusReport, token, supernode.entry.key, options);
    const { number, draining, load, calls, links } = report;
    // Not a moment between looking and keeping: two copies of one report are one report.
    const nowMs = this.#now();
    const before = this.#bySupernode.get(iss);
    if (before !== undefined && number <= before.report.number) {
      throw refusal('report-old', 'a report with this number, or a higher one, was taken already');
    }
    this.#refuseTooSoon(before, nowMs);
    this.#bySupernode.delete(iss);
    this.#bySupernode.set(iss, { report: { number, draining, load, calls, links }, atMs: nowMs });
    this.#forgetOld(nowMs);
    return { nextS: this.#intervalS };
  }

  /** The reports of those that are not silent. */
  current(): ReadonlyMap<KeyId, ReportClaims> {
    this.#forgetOld(this.#now());
    return new Map([...this.#bySupernode].map(([id, { report }]) => [id, report]));
  }

  get #intervalS(): number {
    return Math.max(INTERVAL_S, Math.ceil(this.#bySupernode.size / REPORTS_PER_SECOND));
  }

  /** Twice as often as asked is still fine: a supernode starts again. */
  #refuseTooSoon(before: Kept | undefined, nowMs: number): void {
    if (before === undefined) return;
    const waitMs = before.atMs + (this.#intervalS * 1000) / 2 - nowMs;
    // A clock that was set back makes nobody wait.
    if (waitMs <= 0 || nowMs < before.atMs) return;
    const retryAfterS = Math.ceil(waitMs / 1000);
    throw new RateLimitedError(
      `too many reports of this supernode; try again in ${retryAfterS} s`,
      retryAfterS,
    );
  }

  /** They are in the order in which they came. */
  #forgetOld(nowMs: number): void {
    const oldestMs = nowMs - SILENT_AFTER * this.#intervalS * 1000;
    for (const [id, { atMs }] of this.#bySupernode) {
      if (atMs > oldestMs && this.#bySupernode.size <= MAX_REPORTS) break;
      this.#bySupernode.delete(id);
    }
  }
}
