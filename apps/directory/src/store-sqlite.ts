import type { DatabaseSync } from 'node:sqlite';
import { type Decision, type Ledger, RuledStore } from './ruled-store.ts';
import { transaction } from './sqlite-schema.ts';
import { StoreTables } from './store-tables.ts';

/** The store of one process: `node:sqlite` is synchronous, so each step is one turn of the event loop. */
export class SqliteStore extends RuledStore {
  constructor(database: DatabaseSync) {
    super(new SqliteLedger(database));
  }
}

class SqliteLedger implements Ledger {
  readonly #tables: StoreTables;

  constructor(database: DatabaseSync) {
    this.#tables = new StoreTables(database);
  }

  async write<Outcome>(decide: (tables: StoreTables) => Decision<Outcome>): Promise<Outcome> {
    return transaction(this.#tables.database, () => {
      const { outcome, record } = decide(this.#tables);
      if (record !== null) this.#tables.apply(record);
      return outcome;
    });
  }

  async read<Value>(look: (tables: StoreTables) => Value): Promise<Value> {
    return look(this.#tables);
  }

  async ping(): Promise<void> {
    this.#tables.revision();
  }

  async close(): Promise<void> {
    const { database } = this.#tables;
    if (database.isOpen) database.close();
  }
}
