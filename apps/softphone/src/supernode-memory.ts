import type { Logger } from '@overcall/cli';
import { MAX_REMEMBERED, type RememberedSupernode } from '@overcall/overlay';
import Type from 'typebox';
import { type Home, readState, writeState } from './home.ts';

const FILE = 'good-supernodes.json';
const Stored = Type.Object({
  supernodes: Type.Array(
    Type.Object({ id: Type.String({ maxLength: 64 }), rttMs: Type.Number({ minimum: 0, maximum: 60_000 }) }),
    { maxItems: MAX_REMEMBERED },
  ),
});

/** Which supernodes were good, across starts. Losing it costs a little time, so nothing fails over it. */
export class SupernodeMemory {
  readonly #home: Home;
  readonly #log: Logger;

  constructor(home: Home, log: Logger) {
    this.#home = home;
    this.#log = log;
  }

  read(): RememberedSupernode[] {
    try {
      return readState(this.#home, FILE, Stored)?.supernodes ?? [];
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'no memory of supernodes');
      return [];
    }
  }

  write(supernodes: readonly RememberedSupernode[]): void {
    if (supernodes.length === 0) return;
    try {
      // Also in the middle of a call, which must not wait for the disk.
      writeState(this.#home, FILE, { supernodes }, { durable: false });
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'supernodes cannot be remembered');
    }
  }
}
