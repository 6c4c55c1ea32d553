/**
 * Where the records of a store are, for all processes that share it: a log that keeps the newest record of each
 * subject, and takes another one only from who has read all before it.
 */
export interface RecordLog {
  /**
   * Adds a record if `afterSequence` is that of the newest one; null when it is not. Durable when it is answered. When
   * it fails, the record may be in the log or not.
   */
  append(record: { subject: string; data: string }, afterSequence: number): Promise<number | null>;
  /** Adds one whatever is there: for filling a log that nobody else writes. */
  add(record: { subject: string; data: string }): Promise<number>;
  /** Of the newest record; 0 when there was never one. */
  lastSequence(): Promise<number>;
  /** Hands over, in order, the records from that sequence number on, and those that come. */
  follow(fromSequence: number, take: (record: LoggedRecord) => Promise<void>): Following;
  /** Forgets every record before that one; sequence numbers go on. */
  clear(beforeSequence: number): Promise<void>;
  /** Whether there is a connection; without one nothing is tried. */
  readonly isConnected: boolean;
  /** The same promise, but broken when the connection is: no answer comes after that. */
  whileConnected<Value>(promise: Promise<Value>): Promise<Value>;
  close(): Promise<void>;
}

export interface LoggedRecord {
  sequence: number;
  data: string;
}

export interface Following {
  /** Kept when it has ended: with the error that ended it, or null. */
  ended: Promise<Error | null>;
  stop(): void;
}

/** Long tokens that a record refers to: the signed supernode list has up to 18 MB. */
export interface TokenShelf {
  put(id: string, token: string): Promise<void>;
  /** Null when there is no such token (any more). */
  get(id: string): Promise<string | null>;
  drop(id: string): Promise<void>;
}
