/** What of a month has been relayed, as it is kept across restarts. */
export interface MonthBytes {
  /** UTC, such as `2026-11`. */
  month: string;
  bytes: number;
}

/** Counts forwarded bytes by calendar month (UTC), and tells when what the operator allows is used up. */
export class MonthVolume {
  /** Null when there is no limit. */
  readonly limitBytes: number | null;
  #month: string;
  #bytes: number;

  /** `kept` is what {@link kept} gave before a restart. */
  constructor(limitBytes: number | null, kept: MonthBytes | null, nowMs: number) {
    this.limitBytes = limitBytes;
    this.#month = kept?.month ?? monthOf(nowMs);
    this.#bytes = kept?.bytes ?? 0;
    this.add(0, nowMs);
  }

  /** `nowMs` is since 1970. */
  add(bytes: number, nowMs: number): void {
    const month = monthOf(nowMs);
    // A clock that was set back brings no new month, nor does one that was wrong keep the next from coming.
    if (month > this.#month) this.#bytes = 0;
    this.#month = month;
    this.#bytes += bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isUsedUp(): boolean {
    return this.limitBytes !== null && this.#bytes >= this.limitBytes;
  }

  get kept(): MonthBytes {
    return { month: this.#month, bytes: this.#bytes };
  }
}

/** Null for what is no {@link MonthBytes}, such as a damaged file. */
export function readMonthBytes(value: unknown): MonthBytes | null {
  if (typeof value !== 'object' || value === null) return null;
  const { month, bytes } = value as Partial<MonthBytes>;
  const isMonth = typeof month === 'string' && /^\d{4}-(0[1-9]|1[0-2])$/.test(month);
  return isMonth && Number.isSafeInteger(bytes) && bytes! >= 0 ? { month, bytes: bytes! } : null;
}

function monthOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 7);
}
