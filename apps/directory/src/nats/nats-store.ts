import { RuledStore } from '../ruled-store.ts';
import { openDatabase } from '../sqlite-schema.ts';
import type { NatsPlace } from '../store-choice.ts';
import { StoreTables } from '../store-tables.ts';
import { connectToJetStream, storeError } from './connection.ts';
import { JetStreamLog } from './jetstream-log.ts';
import { JetStreamShelf } from './jetstream-shelf.ts';
import { type LedgerOptions, LogLedger } from './log-ledger.ts';
import type { RecordLog, TokenShelf } from './record-log.ts';
import { ReportExchange } from './report-exchange.ts';
import { JetStreamSpent, type SpentChallenges } from './shared-challenges.ts';

/** A store on JetStream, with what its owner sees of it beside the store itself. */
export interface NatsStore {
  store: RuledStore;
  ledger: LogLedger;
  spent: SpentChallenges;
  reports: ReportExchange;
}

/** Connects, makes the streams where there are none, and reads all records. @throws OvercallError `store-...` */
export async function openNatsStore(place: NatsPlace, options: LedgerOptions = {}): Promise<NatsStore> {
  const { log, shelf, jetStream } = await openStreams(place);
  const ledger = new LogLedger(log, shelf, new StoreTables(openDatabase(':memory:')), {
    ...options,
    patienceMs: place.patienceMs,
  });
  try {
    await ledger.open();
    const spent = await JetStreamSpent.open(jetStream, place, ledger);
    const reports = new ReportExchange(jetStream.connection, place);
    return { store: new RuledStore(ledger), ledger, spent, reports };
  } catch (error) {
    await ledger.close();
    throw storeError(place, error as Error);
  }
}

/** The streams alone, for who fills them. */
export async function openStreams(place: NatsPlace) {
  const jetStream = await connectToJetStream(place);
  try {
    const log: RecordLog = await JetStreamLog.open(jetStream, place);
    const shelf: TokenShelf = await JetStreamShelf.open(jetStream, place);
    return { log, shelf, jetStream };
  } catch (error) {
    await jetStream.connection.close();
    throw storeError(place, error as Error);
  }
}
