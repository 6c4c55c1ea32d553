import { randomBytes } from 'node:crypto';
import { OvercallError } from '@overcall/wire';
import type { StoreTables } from '../store-tables.ts';
import { type DirectoryRecord, encodeRecord, type WireRecord } from './record-codec.ts';
import type { RecordLog, TokenShelf } from './record-log.ts';

/** Records that are on their way at once. */
const AT_ONCE = 200;

/**
 * Replaces all records by those of the tables. It begins and ends with a record that says so: who follows the log forgets
 * what was before, and serves nothing in between. The list it holds is signed anew at once, with a version above
 * `leastVersion` and its own.
 */
export async function fillLog(
  { log, shelf }: { log: RecordLog; shelf: TokenShelf },
  tables: StoreTables,
  start: {
    directory: Omit<DirectoryRecord, 'isLoading'>;
    /** Of the newest record there is. */
    afterSequence: number;
    leastVersion: number;
  },
): Promise<void> {
  const step = randomBytes(12).toString('base64url');
  const mark = (isLoading: boolean) =>
    encodeRecord({ step, record: { ...start.directory, isLoading } as WireRecord });
  const begin = await log.append(mark(true), start.afterSequence);
  if (begin === null) {
    throw new OvercallError('store-unusable', 'somebody writes to the store', {
      remedy: 'stop the directories that serve from it, and try again',
    });
  }
  await log.clear(begin);
  let batch: Promise<number>[] = [];
  for (const record of recordsOf(tables)) {
    batch.push(log.add(encodeRecord({ step, record })));
    if (batch.length < AT_ONCE) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
  const list = tables.publishedList();
  if (list !== null) {
    const { token, expiresAtMs, version } = list;
    const tokenId = `${version}-${step}`;
    await shelf.put(tokenId, token);
    // Revision 0: older than whatever it will be compared with.
    const claims = { version: Math.max(version, start.leastVersion), revision: 0, expiresAtMs };
    await log.add(encodeRecord({ step, record: { kind: 'list', list: claims, tokenId } }));
  }
  await log.add(mark(false));
}

function* recordsOf(tables: StoreTables): Generator<WireRecord> {
  const revision = tables.revision() + 1;
  for (const invite of tables.invites()) yield { kind: 'invite', invite };
  for (const user of tables.users()) yield { kind: 'user', user, inviteHash: null };
  for (const supernode of tables.supernodes()) yield { kind: 'supernode', supernode, revision };
  for (const { identity, device, revokedAtMs } of tables.revocations())
    yield { kind: 'revocation', device: { identity, device }, revokedAtMs, revision };
  yield { kind: 'epochs', epochs: tables.epochs(), revision };
}
