import type { Phone, PhoneOutput } from '@overcall/call';
import { DeadlineTimer, monotonicMs } from '@overcall/net';

/** What was written last is still told to one's own other softphones before this one ends; for so long, ms. */
const COPY_PATIENCE_MS = 2000;

export interface PhoneRunnerOptions {
  phone: Phone;
  carryOut(output: PhoneOutput): void;
  /** All is carried out that verbs have asked for so far. */
  onSettled(): void;
}

/** Runs the pure phone: on the clock, and one verb after the other. */
export class PhoneRunner {
  readonly #options: PhoneRunnerOptions;
  readonly #timer = new DeadlineTimer(() => this.act((phone, nowMs) => phone.handleTimeout(nowMs)));
  #isActing = false;
  #copiesOver = Promise.withResolvers<void>();

  constructor(options: PhoneRunnerOptions) {
    this.#options = options;
  }

  /**
   * Runs a verb of the phone, then carries out what it asks for, in that order: what is carried out may call for more
   * verbs, and their signals must not overtake those that wait, or the peer drops them as late.
   */
  act(verb: (phone: Phone, nowMs: number) => void): void {
    const { phone, carryOut, onSettled } = this.#options;
    verb(phone, monotonicMs());
    if (this.#isActing) return;
    this.#isActing = true;
    try {
      for (let outputs = phone.poll(); outputs.length > 0; outputs = phone.poll())
        for (const output of outputs) carryOut(output);
    } finally {
      this.#isActing = false;
    }
    const { deadline } = phone;
    this.#timer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
    if (!phone.isCopying) this.#copiesOver.resolve();
    onSettled();
  }

  /** Until the other softphones of this user know what it wrote, or are not to be reached at once. */
  async copied(): Promise<void> {
    if (!this.#options.phone.isCopying) return;
    this.#copiesOver = Promise.withResolvers();
    const patience = setTimeout(() => this.#copiesOver.resolve(), COPY_PATIENCE_MS);
    await this.#copiesOver.promise;
    clearTimeout(patience);
    this.act((phone) => phone.giveUpCopies());
  }

  stop(): void {
    this.#timer.set(null);
  }
}
