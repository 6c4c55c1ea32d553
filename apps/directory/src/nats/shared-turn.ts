/**
 * Runs one piece of work for all who ask meanwhile. Who asks while it runs gets the next run: the one under way may
 * have looked before that.
 */
export class SharedTurn {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | null = null;
  #following: Promise<void> | null = null;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  next(): Promise<void> {
    if (this.#running === null) return this.#start();
    this.#following ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#following = null;
        return this.#start();
      });
    return this.#following;
  }

  #start(): Promise<void> {
    this.#running = this.#work().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }
}
