/** What of a month has been relayed, as it is kept across restarts. */
export interface MonthBytes {
  /** UTC, such as `2026-11`. */
  month: string;
  bytes: number;
  /** Months that the clock has left, and their bytes: it may come back to them. */
  left?: Record<string, number>;
}

/** A clock that was wrong, and the months on both sides of it. */
const MAX_LEFT = 3;

/** Counts forwarded bytes by calendar month (UTC), and tells when what the operator allows is used up. */
export class MonthVolume {
  /** Null when there is no limit. */
  limitBytes: number | null;
  #month: string;
  #bytes: number;
  /** Bytes by month, the one that was left last at the end. */
  readonly #left: Map<string, number>;

  /** `kept` is what {@link kept} gave before a restart. */
  constructor(limitBytes: number | null, kept: MonthBytes | null, nowMs: number) {
    this.limitBytes = limitBytes;
    this.#month = kept?.month ?? monthOf(nowMs);
    this.#bytes = kept?.bytes ?? 0;
    this.#left = new Map(Object.entries(kept?.left ?? {}));
    this.add(0, nowMs);
  }

  /** `nowMs` is since 1970. */
  add(bytes: number, nowMs: number): void {
    const month = monthOf(nowMs);
    if (month !== this.#month) this.#turnTo(month);
    this.#bytes += bytes;
  }

  /**
   * A clock that is set back brings no new month: what was counted counts on. One that is right again, as that of a small computer
   * without a battery soon after each start, finds the month that it had left.
   */
  #turnTo(month: string): void {
    const before = month < this.#month ? this.#bytes : 0;
    this.#left.set(this.#month, this.#bytes);
    this.#bytes = this.#left.get(month) ?? before;
    this.#left.delete(month);
    this.#month = month;
    if (this.#left.size > MAX_LEFT) this.#left.delete(this.#left.keys().next().value!);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isUsedUp(): boolean {
    return this.limitBytes !== null && this.#bytes >= this.limitBytes;
  }

  get kept(): MonthBytes {
    const kept = { month: this.#month, bytes: this.#bytes };
    return this.#left.size === 0 ? kept : { ...kept, left: Object.fromEntries(this.#left) };
  }
}

/** Where a supernode keeps its {@link MonthBytes}, in its data folder. */
export const MONTH_VOLUME_FILE = 'volume.json';
export const BYTES_PER_GB = 1e9;

/** The {@link MonthBytes} in a file; null for a damaged one. */
export function parseMonthBytes(text: string): MonthBytes | null {
  try {
    return readMonthBytes(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Null for what is no {@link MonthBytes}. */
export function readMonthBytes(value: unknown): MonthBytes | null {
  if (typeof value !== 'object' || value === null) return null;
  const { month, bytes, left = {} } = value as Partial<MonthBytes>;
  if (typeof month !== 'string' || !isCount(month, bytes)) return null;
  if (typeof left !== 'object' || left === null) return null;
  const entries = Object.entries(left);
  if (entries.length > MAX_LEFT || !entries.every(([of, count]) => isCount(of, count))) return null;
  return entries.length === 0 ? { month, bytes: bytes! } : { month, bytes: bytes!, left };
}

function isCount(month: string, bytes: unknown): boolean {
  return /^\d{4}-(0[1-9]|1[0-2])$/.test(month) && Number.isSafeInteger(bytes) && (bytes as number) >= 0;
}

function monthOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 7);
}
