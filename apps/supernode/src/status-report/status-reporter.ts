import {
  type SigningPrivateKey,
  STATUS_REPORT_LIFETIME_S,
  StatusReport,
  signObject,
} from '@overcall/identity';
import { type KnownDirectory, sendStatusReport } from '@overcall/net';
import { LOOKS } from '@overcall/overlay';
import type { Logger } from 'pino';
import { coarseReport, type OwnFacts } from './coarse-report.ts';

/** The first one comes soon, so that a page does not stay empty; spread, for supernodes start together too. */
const FIRST_MS = 1000;
const FIRST_SPREAD_MS = 4000;
/** Between reports, unless the directory asks for more or less: it says so with each answer, within these bounds. */
const INTERVAL_S = 60;
const MIN_INTERVAL_S = 30;
const MAX_INTERVAL_S = 3600;

export interface StatusReporterOptions {
  key: SigningPrivateKey;
  id: string;
  /** Null while there is nobody to tell: not listed, or no contact. */
  directory(): KnownDirectory | null;
  /** One of the looks at what is carried now, which a report sums up. */
  look(): void;
  facts(): OwnFacts;
  /** From [0, 1). */
  random(): number;
  log: Logger;
}

/**
 * Tells the directory now and then how this supernode is, for its status page. Nothing depends on it: what fails is tried
 * again at the next time. One timer; a report is the last of {@link LOOKS} looks.
 */
export class StatusReporter {
  readonly #options: StatusReporterOptions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #looks = 0;
  /** Between this report and the next one. */
  #intervalMs: number;
  #number = 0;

  constructor(options: StatusReporterOptions) {
    this.#options = options;
    this.#intervalMs = FIRST_MS + options.random() * FIRST_SPREAD_MS;
  }

  start(): void {
    this.#lookLater();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#look(), this.#intervalMs / LOOKS);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    this.#options.look();
    if (++this.#looks >= LOOKS) {
      this.#looks = 0;
      const wantedS = (await this.#report()) ?? INTERVAL_S;
      const intervalS = Math.min(MAX_INTERVAL_S, Math.max(MIN_INTERVAL_S, wantedS));
      this.#intervalMs = intervalS * 1000 * (0.9 + this.#options.random() / 5);
    }
    this.#lookLater();
  }

  /** After how many seconds the directory wants the next one; null when it took none. */
  async #report(): Promise<number | null> {
    const { key, id, directory: find, facts, log } = this.#options;
    const report = coarseReport(facts());
    const directory = find();
    if (directory === null) return null;
    const nowMs = Date.now();
    this.#number = Math.max(this.#number + 1, nowMs);
    try {
      const claims = { iss: id, number: this.#number, ...report };
      const options = { audience: directory.keyId, nowMs, lifetimeS: STATUS_REPORT_LIFETIME_S };
      const signed = await signObject(StatusReport, claims, key, options);
      return (await sendStatusReport(directory, signed)).nextS;
    } catch (error) {
      log.debug({ err: error }, 'the directory took no status report');
      return null;
    }
  }
}
