import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { NatsPlace } from '../store-choice.ts';
import type { JetStreamConnection } from './connection.ts';
import { ensureStream } from './jetstream-log.ts';
import type { TokenShelf } from './record-log.ts';

/** A quarter of the largest message that a NATS server takes by default (`max_payload`). */
const CHUNK_CHARACTERS = 262_144;
/** Longer than any list is good for (30 days): what was left behind goes by itself. */
const KEPT_MS = 40 * 86_400_000;

/** Tokens in a stream of their own, in messages `NAME.list.ID.0` and so on; the first begins with how many there are. */
export class JetStreamShelf implements TokenShelf {
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;
  readonly #stream: string;
  readonly #prefix: string;

  private constructor({ manager }: JetStreamConnection, { name }: NatsPlace) {
    this.#manager = manager;
    this.#client = manager.jetstream();
    this.#stream = `${name}-lists`;
    this.#prefix = `${name}.list.`;
  }

  static async open(jetStream: JetStreamConnection, place: NatsPlace): Promise<JetStreamShelf> {
    const shelf = new JetStreamShelf(jetStream, place);
    await ensureStream(jetStream.manager, place, {
      name: shelf.#stream,
      subjects: [`${shelf.#prefix}>`],
      max_msgs_per_subject: 1,
      max_age: nanos(KEPT_MS),
    });
    return shelf;
  }

  async put(id: string, token: string): Promise<void> {
    const count = Math.ceil(token.length / CHUNK_CHARACTERS);
    for (let i = 0; i < count; i++) {
      const chunk = token.slice(i * CHUNK_CHARACTERS, (i + 1) * CHUNK_CHARACTERS);
      await this.#client.publish(`${this.#prefix}${id}.${i}`, i === 0 ? `${count} ${chunk}` : chunk);
    }
  }

  async get(id: string): Promise<string | null> {
    const first = await this.#chunk(id, 0);
    const [, count, begin] = /^(\d+) (.*)$/s.exec(first ?? '') ?? [];
    if (begin === undefined) return null;
    const rest = await Promise.all(
      Array.from({ length: Number(count) - 1 }, (_, index) => this.#chunk(id, index + 1)),
    );
    return rest.includes(null) ? null : [begin, ...rest].join('');
  }

  async drop(id: string): Promise<void> {
    await this.#manager.streams.purge(this.#stream, { filter: `${this.#prefix}${id}.>` });
  }

  async #chunk(id: string, index: number): Promise<string | null> {
    const message = await this.#manager.streams.getMessage(this.#stream, {
      last_by_subj: `${this.#prefix}${id}.${index}`,
    });
    return message?.string() ?? null;
  }
}
