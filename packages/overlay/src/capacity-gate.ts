import { type Rate, TokenBucket } from './token-bucket.ts';

/** Below this level of the bucket new calls are refused in any case: something came all at once. */
const BUSY_LEVEL = 0.25;
/** New calls may fill this share of the rate. The rest is for calls there are: they say more at times, or are sent again. */
const SHARE_FOR_NEW = 0.9;
/** What a call takes, UDP payload of both directions: 24 kbit/s of Opus in 50 packets/s, and pings. */
const CALL_BYTES_PER_S = 9000;
/** What was opened so lately does not show in the rate yet, ms. */
const YOUNG_MS = 5000;
/** The rate is that of one to two such spans, ms. */
const SPAN_MS = 1000;

interface Mark {
  atMs: number;
  bytes: number;
}

/**
 * The bytes that may be relayed in all. New calls are refused before there is too little for those that run: a bucket alone
 * stays full until the rate is exceeded, and is then empty for everybody, and for good.
 */
export class CapacityGate {
  readonly #bucket: TokenBucket;
  #perSecond: number;
  #bytes = 0;
  #before: Mark;
  #newest: Mark;
  /** When flows were opened lately, oldest first. */
  readonly #young: number[] = [];

  constructor(rate: Rate, nowMs: number) {
    this.#bucket = new TokenBucket(rate, nowMs);
    this.#perSecond = rate.perSecond;
    this.#before = { atMs: nowMs, bytes: 0 };
    this.#newest = this.#before;
  }

  changeRate(rate: Rate, nowMs: number): void {
    this.#bucket.changeRate(rate, nowMs);
    this.#perSecond = rate.perSecond;
  }

  /** Whether so many bytes may be forwarded now. */
  take(nowMs: number, bytes: number): boolean {
    if (!this.#bucket.take(nowMs, bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Both parties agreed on a flow. */
  noteOpened(nowMs: number): void {
    this.#young.push(nowMs);
  }

  /** To be called each second while anything is relayed, and before questions. */
  handleTime(nowMs: number): void {
    if (nowMs - this.#newest.atMs >= SPAN_MS) {
      this.#before = this.#newest;
      this.#newest = { atMs: nowMs, bytes: this.#bytes };
    }
    while (this.#young.length > 0 && nowMs - this.#young[0]! >= YOUNG_MS) this.#young.shift();
  }

  /** Whether there is too little room for a new call. */
  isBusy(nowMs: number): boolean {
    this.handleTime(nowMs);
    if (this.#bucket.level(nowMs) < BUSY_LEVEL) return true;
    const expected = this.#bytesPerSecond(nowMs) + this.#young.length * CALL_BYTES_PER_S;
    // The first one is let in wherever it may be tried.
    return expected > 0 && expected + CALL_BYTES_PER_S > SHARE_FOR_NEW * this.#perSecond;
  }

  #bytesPerSecond(nowMs: number): number {
    const { atMs, bytes } = this.#before;
    return ((this.#bytes - bytes) * 1000) / Math.max(SPAN_MS, nowMs - atMs);
  }
}
