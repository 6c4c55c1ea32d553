import type { ReceptionReport } from '@overcall/wire';
import { type SendMode, wireKbitPerS } from './send-mode.ts';

/** More that is sent by less than this share says nothing. */
const MORE = 1.2;
/** What arrives is reported of the last 600 ms: looked at so long after the change, and until then, ms. */
const FROM_MS = 700;
const UNTIL_MS = 1800;
const MIN_REPORTS = 4;
/** Policed is what lets hardly more through than before, and much less of what is sent. */
const NO_MORE = 1.2;
const MUCH_LESS = 0.75;

/**
 * Whether loss grows with what is sent: where a link drops what is too much without a queue (a policer), copies of lost packets only
 * make more be lost. Begun when copies are added; what arrived before and after decides.
 */
export class PolicerTrial {
  readonly #sentBeforeKbitPerS: number;
  readonly #arrivedBeforeKbitPerS: number;
  #sentKbitPerS = 0;
  #sinceMs = 0;
  #arrivedKbitPerS: number[] = [];

  constructor(sentKbitPerS: number, arrivedKbitPerS: number) {
    this.#sentBeforeKbitPerS = sentKbitPerS;
    this.#arrivedBeforeKbitPerS = Math.min(sentKbitPerS, arrivedKbitPerS);
  }

  /** From then on audio arrives in that mode. */
  become(mode: SendMode, nowMs: number): void {
    this.#sentKbitPerS = wireKbitPerS(mode);
    this.#sinceMs = nowMs;
    this.#arrivedKbitPerS = [];
  }

  isOver(nowMs: number): boolean {
    return nowMs > this.#sinceMs + UNTIL_MS;
  }

  handleReport({ kbitPerS }: ReceptionReport, nowMs: number): void {
    if (nowMs >= this.#sinceMs + FROM_MS) this.#arrivedKbitPerS.push(kbitPerS);
  }

  /** What gets through, when more does not, kbit/s; null otherwise. */
  ceilingKbitPerS(): number | null {
    const { length } = this.#arrivedKbitPerS;
    if (length < MIN_REPORTS || this.#sentKbitPerS < MORE * this.#sentBeforeKbitPerS) return null;
    const arrived = this.#arrivedKbitPerS.reduce((sum, each) => sum + each, 0) / length;
    const expected = (this.#sentKbitPerS * this.#arrivedBeforeKbitPerS) / this.#sentBeforeKbitPerS;
    const isPoliced = arrived < NO_MORE * this.#arrivedBeforeKbitPerS && arrived < MUCH_LESS * expected;
    return isPoliced ? arrived : null;
  }
}
