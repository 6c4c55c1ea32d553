import { MinuteLimit } from './minute-limit.ts';

/** Pings answered at once, in all and for one user. */
const MAX_AT_ONCE = 4;
const MAX_AT_ONCE_PER_USER = 2;
/** Pings of one user answered in a minute, and of everybody. */
const PER_MINUTE = { perUser: 6, all: 30 };

/** Which pings are answered: each costs signature checks, a relay and packets, and nobody notices that it happens. */
export class PingLimit {
  readonly #inMinute = new MinuteLimit(PER_MINUTE);

  /** @param active identity keys of those whose pings are being answered */
  admit(user: string, active: readonly string[], nowMs: number): boolean {
    const isFull =
      active.length >= MAX_AT_ONCE || active.filter((each) => each === user).length >= MAX_AT_ONCE_PER_USER;
    return !isFull && this.#inMinute.admit(user, nowMs);
  }
}
