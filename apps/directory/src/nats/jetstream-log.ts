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
import { ANSWER_TIMEOUT_MS, type JetStreamConnection } from './connection.ts';
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
  isConnected = true;

  private constructor({ connection, manager }: JetStreamConnection, { name }: NatsPlace) {
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
      const options = { expect: { lastSequence: afterSequence }, timeout: ANSWER_TIMEOUT_MS };
      const { seq } = await this.#client.publish(this.#prefix + record.subject, record.data, options);
      return seq;
    } catch (error) {
      if (isConflict(error)) return null;
      throw error;
    }
  }

  async add(record: { subject: string; data: string }): Promise<number> {
    const { seq } = await this.#client.publish(this.#prefix + record.subject, record.data, {
      timeout: 10 * ANSWER_TIMEOUT_MS,
    });
    return seq;
  }

  async lastSequence(): Promise<number> {
    return (await this.#manager.streams.info(this.#stream)).state.last_seq;
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

  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect' || type === 'close') this.isConnected = false;
      if (type === 'reconnect') this.isConnected = true;
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
