/** Text messages of one user taken in a minute, and of everybody: each is a write to a disk, and may ring a bell. */
const PER_MINUTE_PER_USER = 30;
export const PER_MINUTE = 300;
const MINUTE_MS = 60_000;

/** Which text messages are taken: nobody fills the disk of others, or keeps theirs from coming. */
export class TextLimit {
  readonly #perUser: number;
  /** By identity key, oldest first; the limit of all users bounds it. */
  #taken: { user: string; atMs: number }[] = [];

  constructor(perUser = PER_MINUTE_PER_USER) {
    this.#perUser = perUser;
  }

  admit(user: string, nowMs: number): boolean {
    this.#taken = this.#taken.filter(({ atMs }) => nowMs - atMs < MINUTE_MS);
    const ofUser = this.#taken.filter((each) => each.user === user).length;
    if (ofUser >= this.#perUser || this.#taken.length >= PER_MINUTE) return false;
    this.#taken.push({ user, atMs: nowMs });
    return true;
  }
}
