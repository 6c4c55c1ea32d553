const MINUTE_MS = 60_000;

/**
 * How often something is done for others within a minute, for one user and for all: the room that one user takes is not enough to keep
 * others from it.
 */
export class MinuteLimit {
  readonly #perUser: number;
  readonly #all: number;
  /** By identity key, oldest first; the limit of all users bounds it. */
  #admitted: { user: string; atMs: number }[] = [];

  constructor(limits: { perUser: number; all: number }) {
    this.#perUser = limits.perUser;
    this.#all = limits.all;
  }

  admit(user: string, nowMs: number): boolean {
    this.#admitted = this.#admitted.filter(({ atMs }) => nowMs - atMs < MINUTE_MS);
    const ofUser = this.#admitted.filter((each) => each.user === user).length;
    if (ofUser >= this.#perUser || this.#admitted.length >= this.#all) return false;
    this.#admitted.push({ user, atMs: nowMs });
    return true;
  }
}
