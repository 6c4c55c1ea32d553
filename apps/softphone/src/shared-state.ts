import type { Static, TSchema } from 'typebox';
import { type Home, readState, updateState } from './home.ts';

/**
 * A state file that other processes of the same user change, too, and so is read afresh each time. What was read well once holds while the
 * file is damaged or cannot be read: a softphone in a call must not end, nor let blocked people in, because somebody edits it.
 */
export class SharedState<Schema extends TSchema> {
  readonly #home: Home;
  readonly #file: string;
  readonly #schema: Schema;
  #lastGood: { value: Static<Schema> | null } | null = null;

  constructor(home: Home, file: string, schema: Schema) {
    this.#home = home;
    this.#file = file;
    this.#schema = schema;
  }

  /**
   * Null when there is none.
   * @throws OvercallError `state-damaged`, `state-unreadable` when it was never read well
   */
  read(): Static<Schema> | null {
    try {
      this.#lastGood = { value: readState(this.#home, this.#file, this.#schema) };
    } catch (error) {
      if (this.#lastGood === null) throw error;
    }
    return this.#lastGood.value;
  }

  /** `change` may be called more than once: see {@link updateState}. */
  update(change: (value: Static<Schema> | null) => Static<Schema>): void {
    updateState(this.#home, this.#file, () => change(this.read()));
  }
}
