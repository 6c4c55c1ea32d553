/** Pings answered at once, in all and for one user. */
const MAX_AT_ONCE = 4;
const MAX_AT_ONCE_PER_USER = 2;
/** Pings of one user answered in a minute, and of everybody. */
const PER_MINUTE_PER_USER = 6;
const PER_MINUTE = 30;
const MINUTE_MS = 60_000;

/**
 * Which pings are answered: each costs signature checks, a relay and packets, and nobody notices that it happens. The
 * room that one user takes is not enough to keep others from it.
 */
export class PingLimit {
  /** By identity key, oldest first; the limit of all users bounds it. */
  #answered: { user: string; atMs: number }[] = [];

  /** @param active identity keys of those whose pings are being answered */
  admit(user: string, active: readonly string[], nowMs: number): boolean {
    this.#answered = this.#answered.filter(({ atMs }) => nowMs - atMs < MINUTE_MS);
    const isFull =
      active.length >= MAX_AT_ONCE || active.filter((each) => each === user).length >= MAX_AT_ONCE_PER_USER;
    const ofUser = this.#answered.filter((each) => each.user === user).length;
    if (isFull || ofUser >= PER_MINUTE_PER_USER || this.#answered.length >= PER_MINUTE) return false;
    this.#answered.push({ user, atMs: nowMs });
    return true;
  }
}
