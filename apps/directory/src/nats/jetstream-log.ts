import {
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { NatsPlace } from '../store-choice.ts';
import type { JetStreamConnection } from './connection.ts';
import type { Following, LoggedRecord, RecordLog } from './record-log.ts';

/** Records that may be on their way to this process. */
const BATCH = 500;
/** Without a word of the server for twice as long the log is followed anew, ms. */
const HEARTBEAT_MS = 2000;

/** The log as a stream: a record is a message, its subject the message's below `NAME.record`. */
export class JetStreamLog implements RecordLog {
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #patienceMs: number;
  /** What breaks the promises that wait for an answer. */
  readonly #pending = new Set<(error: Error) => void>();
  isConnected = true;

  private constructor({ connection, manager }: JetStreamConnection, { name, patienceMs }: NatsPlace) {
    this.#patienceMs = patienceMs;
    this.#connection = connection;
    this.#manager = manager;
    this.#client = manager.jetstream();
    this.#stream = `${name}-records`;
    this.#prefix = `${name}.record.`;
    void this.#watchConnection();
  }

  /** The stream is made where there is none. */
  static async open(jetStream: JetStreamConnection, place: NatsPlace): Promise<JetStreamLog> {
    const log = new JetStreamLog(jetStream, place);
    await ensureStream(jetStream.manager, place, {
      name: log.#stream,
      subjects: [`${log.#prefix}>`],
      max_msgs_per_subject: 1,
    });
    return log;
  }

  async append(record: { subject: string; data: string }, afterSequence: number): Promise<number | null> {
    try {
      const options = { expect: { lastSequence: afterSequence }, timeout: this.#patienceMs };
      const sent = this.#client.publish(this.#prefix + record.subject, record.data, options);
      return (await this.whileConnected(sent)).seq;
    } catch (error) {
      if (isConflict(error)) return null;
      throw error;
    }
  }

  async add(record: { subject: string; data: string }): Promise<number> {
    const { seq } = await this.#client.publish(this.#prefix + record.subject, record.data, {
      timeout: 10 * this.#patienceMs,
    });
    return seq;
  }

  async lastSequence(): Promise<number> {
    const { state } = await this.whileConnected(this.#manager.streams.info(this.#stream));
    return state.last_seq;
  }

  follow(fromSequence: number, take: (record: LoggedRecord) => Promise<void>): Following {
    let isStopped = false;
    let stop = () => {};
    const run = async () => {
      const consumer = await this.#client.consumers.get(this.#stream, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: fromSequence,
      });
      const messages = await consumer.consume({ max_messages: BATCH, idle_heartbeat: HEARTBEAT_MS });
      stop = () => void messages.close();
      if (isStopped) stop();
      for await (const message of messages) await take({ sequence: message.seq, data: message.string() });
      // The server would keep it for five minutes.
      if (this.isConnected) await consumer.delete().catch(() => {});
    };
    const ended = run().then(
      () => null,
      (error: Error) => error,
    );
    return {
      ended,
      stop: () => {
        isStopped = true;
        stop();
      },
    };
  }

  async clear(beforeSequence: number): Promise<void> {
    await this.#manager.streams.purge(this.#stream, { seq: beforeSequence });
  }

  async close(): Promise<void> {
    this.isConnected = false;
    await this.#connection.close();
  }

  whileConnected<Value>(promise: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      promise.then(resolve, reject).finally(() => this.#pending.delete(reject));
    });
  }

  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'reconnect') this.isConnected = true;
      if (type !== 'disconnect' && type !== 'close') continue;
      this.isConnected = false;
      for (const reject of this.#pending) reject(new Error('the connection is lost'));
    }
  }
}

/** Somebody else's message came first. */
export function isConflict(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence;
}

/** Makes a stream, or brings its number of replicas to what was asked for. All are kept in files. */
export async function ensureStream(
  manager: JetStreamManager,
  { replicas }: NatsPlace,
  config: Partial<StreamConfig> & { name: string },
): Promise<void> {
  const known = await manager.streams.info(config.name).catch((error) => {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return null;
    throw error;
  });
  if (known === null) {
    await manager.streams.add({
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      num_replicas: replicas ?? 1,
      ...config,
    });
  } else if (replicas !== null && replicas !== known.config.num_replicas) {
    await manager.streams.update(config.name, { num_replicas: replicas });
  }
}
