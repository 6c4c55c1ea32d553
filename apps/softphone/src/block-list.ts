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
    const blocked = this.#read();
    if (Object.hasOwn(blocked, name)) return;
    if (Object.keys(blocked).length >= MAX_BLOCKED)
      throw new OvercallError('too-many-blocked', 'too many names are blocked');
    this.#state.write({ ...blocked, [name]: { since: nowMs } });
  }

  remove(name: string): void {
    const { [name]: _removed, ...others } = this.#read();
    this.#state.write(others);
  }

  #read(): Record<string, { since: number }> {
    return this.#state.read() ?? {};
  }
}
