/** One lookup at a time, so far apart, ms: a supernode takes five a second, and calls need some of them. */
const LOOKUP_INTERVAL_MS = 500;
/** How often it is looked whether somebody is attached, ms; with more than 40 contacts it takes longer. */
const REFRESH_MS = 20_000;

export interface PresenceWatchOptions {
  names(): string[];
  isAttached(name: string): Promise<boolean>;
  onPresence(name: string, attached: boolean | null): void;
  /** ms */
  now(): number;
}

/** Looks round after round who of the contacts is attached. */
export class PresenceWatch {
  readonly #options: PresenceWatchOptions;
  readonly #askedAtByName = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #isAsking = false;

  constructor(options: PresenceWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#askNext(), LOOKUP_INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #askNext(): Promise<void> {
    const { names, isAttached, onPresence, now } = this.#options;
    const askedAt = (name: string) => this.#askedAtByName.get(name) ?? Number.NEGATIVE_INFINITY;
    const [name] = names().sort((a, b) => askedAt(a) - askedAt(b));
    if (this.#isAsking || name === undefined || now() < askedAt(name) + REFRESH_MS) return;
    this.#isAsking = true;
    this.#askedAtByName.set(name, now());
    onPresence(name, await isAttached(name).catch(() => null));
    this.#isAsking = false;
  }
}
