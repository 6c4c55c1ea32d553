import { existsSync } from 'node:fs';
import { OvercallError } from '@overcall/wire';
import { type ChallengeBook, Challenges } from './challenges.ts';
import { type DataDir, lockDataDir } from './data-dir.ts';
import { loadSigner, sharedSecret } from './directory-key.ts';
import type { Signer } from './list-publisher.ts';
import type { LedgerOptions } from './nats/log-ledger.ts';
import { type NatsStore, openNatsStore } from './nats/nats-store.ts';
import type { ReportExchange } from './nats/report-exchange.ts';
import { SharedChallenges } from './nats/shared-challenges.ts';
import { openDatabase } from './sqlite-schema.ts';
import type { Store } from './store.ts';
import type { NatsPlace, StoreChoice } from './store-choice.ts';
import { SqliteStore } from './store-sqlite.ts';

/** What a process that serves needs of its store. */
export interface ServingStore {
  store: Store;
  signer: Signer;
  /** Challenges that the processes on this store take. */
  challenges(now: () => number): ChallengeBook;
  /** To the other processes on this store; null where there are none. */
  reports: Pick<ReportExchange, 'tell' | 'listen'> | null;
  close(): Promise<void>;
}

/**
 * Opens the store, and the key of the directory; both are made the first time. Without a folder the key is forgotten
 * at the end, and so is all of SQLite. `prepare` makes or reads what else is in the folder, which nobody else starts from
 * meanwhile; when it fails the store has not been touched.
 */
export async function openServingStore<Prepared>(
  choice: StoreChoice,
  dataDir: DataDir | null,
  prepare: () => Promise<Prepared>,
  events: LedgerOptions,
): Promise<{ serving: ServingStore; prepared: Prepared }> {
  if (choice === 'sqlite') return serveFromSqlite(dataDir, prepare);
  const prepared = await prepare();
  return { serving: await serveFromNats(choice, dataDir, events), prepared };
}

async function serveFromSqlite<Prepared>(dataDir: DataDir | null, prepare: () => Promise<Prepared>) {
  const unlock = dataDir === null ? () => {} : lockDataDir(dataDir);
  try {
    const signer = await loadSigner(dataDir);
    const prepared = await prepare();
    const store = new SqliteStore(openDatabase(dataDir?.databaseFile ?? ':memory:'));
    const close = async () => {
      await store.close();
      unlock();
    };
    const challenges = (now: () => number) => new Challenges(now);
    return { serving: { store, signer, challenges, reports: null, close }, prepared };
  } catch (error) {
    unlock();
    throw error;
  }
}

export async function serveFromNats(
  place: NatsPlace,
  dataDir: DataDir | null,
  events: LedgerOptions = {},
): Promise<ServingStore> {
  const opened = await openNatsStore(place, events);
  try {
    const signer = await claim(opened, place, dataDir);
    const key = sharedSecret(signer, 'challenges');
    const challenges = (now: () => number) =>
      new SharedChallenges(new Challenges(now, undefined, key), opened.spent);
    const { store, reports } = opened;
    return { store, signer, challenges, reports, close: () => store.close() };
  } catch (error) {
    await opened.store.close();
    throw error;
  }
}

/** The folder is locked while its key is made: two processes must not make two. */
async function claim({ ledger }: NatsStore, place: NatsPlace, dataDir: DataDir | null): Promise<Signer> {
  const hasKey = dataDir !== null && existsSync(dataDir.keyFile);
  if (ledger.keyId !== null && !hasKey) {
    const where = dataDir === null ? 'here' : `in ${dataDir.path}`;
    throw new OvercallError('store-other-key', `${place} belongs to a directory whose key is not ${where}`);
  }
  const unlock = dataDir === null || hasKey ? () => {} : lockDataDir(dataDir);
  try {
    const signer = await loadSigner(dataDir);
    await ledger.claim(signer.keyId).catch((cause) => {
      if (cause.code !== 'store-other-key') throw cause;
      throw new OvercallError(cause.code, `${place} belongs to a directory with another key`, { cause });
    });
    return signer;
  } finally {
    unlock();
  }
}

/** For looking into a store that is there, beside the directory that serves from it. @throws OvercallError `no-directory` */
export async function openExistingStore(choice: StoreChoice, dataDir: () => DataDir): Promise<Store> {
  if (choice === 'sqlite') return new SqliteStore(openDatabase(dataDir().databaseFile));
  const { store, ledger } = await openNatsStore(choice);
  if (ledger.keyId !== null) return store;
  await store.close();
  throw new OvercallError('no-directory', `there is no directory in ${choice}`, {
    remedy: 'start one on it: overcall-directory run --store',
  });
}
