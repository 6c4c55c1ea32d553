import { OvercallError } from '@overcall/wire';
import Type from 'typebox';
import type { Home } from './home.ts';
import { SharedState } from './shared-state.ts';

/** Names whose calls and pings are dropped, with the time since when, ms since 1970. */
const Blocked = Type.Record(Type.String(), Type.Object({ since: Type.Number() }));

const FILE = 'blocked.json';
/** So many at the most. */
const MAX_BLOCKED = 10_000;

/** Who never gets through. */
export class BlockList {
  readonly #state: SharedState<typeof Blocked>;

  constructor(home: Home) {
    this.#state = new SharedState(home, FILE, Blocked);
  }

  get names(): string[] {
    return Object.keys(this.#read());
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#read(), name);
  }

  /** @throws OvercallError `too-many-blocked` */
  add(name: string, nowMs: number): void {
    if (this.has(name)) return;
    this.#state.update((blocked) => {
      if (Object.keys(blocked ?? {}).length >= MAX_BLOCKED)
        throw new OvercallError('too-many-blocked', 'too many names are blocked');
      return { ...blocked, [name]: { since: nowMs } };
    });
  }

  remove(name: string): void {
    this.#state.update((blocked) => {
      const { [name]: _removed, ...others } = blocked ?? {};
      return others;
    });
  }

  #read(): Record<string, { since: number }> {
    return this.#state.read() ?? {};
  }
}
