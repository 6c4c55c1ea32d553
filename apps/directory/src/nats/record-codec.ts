import type { KeyId } from '@overcall/identity';
import type { PublishedList } from '../store.ts';
import type { StoreRecord } from '../store-record.ts';

/** Written first, and again by a restore: whose records these are. */
export interface DirectoryRecord {
  kind: 'directory';
  /** Of the records; who knows only lower ones must not touch them. */
  format: number;
  keyId: KeyId;
  /** Another one after each restore. */
  generation: string;
  /** While a restore has not written everything. */
  isLoading: boolean;
}
/** The token is on the shelf, under this name. */
export interface ListRecord {
  kind: 'list';
  list: Omit<PublishedList, 'token'>;
  tokenId: string;
}
export type WireRecord = Exclude<StoreRecord, { kind: 'list' }> | ListRecord | DirectoryRecord;

export const FORMAT = 1;

/** What is in the log: JSON of a record, and by which step it came. */
export interface Envelope {
  step: string;
  record: WireRecord;
}

export function encodeRecord(envelope: Envelope): { subject: string; data: string } {
  return { subject: subjectOf(envelope.record), data: JSON.stringify(envelope) };
}

/** Null for what this version does not know. */
export function decodeRecord(data: string): Envelope | null {
  let envelope: Partial<Envelope> | null;
  try {
    envelope = JSON.parse(data) as Partial<Envelope> | null;
  } catch {
    return null;
  }
  const kind = envelope?.record?.kind;
  const isKnown = kind !== undefined && Object.hasOwn(KINDS, kind) && typeof envelope?.step === 'string';
  return isKnown ? (envelope as Envelope) : null;
}

const KINDS: Record<WireRecord['kind'], true> = {
  user: true,
  invite: true,
  supernode: true,
  revocation: true,
  epochs: true,
  list: true,
  directory: true,
};

/** One record is kept of each subject. */
function subjectOf(record: WireRecord): string {
  switch (record.kind) {
    case 'user':
      return `user.${token(record.user.name)}`;
    case 'invite':
      return `invite.${token(record.invite.hash)}`;
    case 'supernode':
      return `supernode.${token(record.supernode.keyId)}`;
    case 'revocation':
      return `revocation.${token(record.device.identity)}.${token(record.device.device)}`;
    default:
      return record.kind;
  }
}

/** Names hold dots and letters of every script; of a subject's part only letters, digits, - and _ are sure everywhere. */
function token(text: string): string {
  return Buffer.from(text).toString('base64url');
}
