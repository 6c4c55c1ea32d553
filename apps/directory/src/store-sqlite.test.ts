import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, onTestFinished } from 'vitest';
import { openDatabase } from './sqlite-schema.ts';
import { itIsAStore } from './store-contract.test-support.ts';
import { SqliteStore } from './store-sqlite.ts';

describe('SQLite in memory', () => {
  itIsAStore(async () => [new SqliteStore(openDatabase(':memory:'))], 1);
});

describe('SQLite in a file that a directory and its command line share', () => {
  itIsAStore(async (count) => {
    const folder = mkdtempSync(join(tmpdir(), 'overcall-store-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    return Array.from(
      { length: count },
      () => new SqliteStore(openDatabase(join(folder, 'directory.sqlite'))),
    );
  }, 2);
});
