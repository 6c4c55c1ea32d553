import type { JetStreamClient } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { refusal } from '../api-error.ts';
import { CHALLENGE_LIFETIME_MS, type ChallengeBook, type Challenges } from '../challenges.ts';
import type { NatsPlace } from '../store-choice.ts';
import type { JetStreamConnection } from './connection.ts';
import { ensureStream, isConflict } from './jetstream-log.ts';

/** Remembered a little longer than they are good: the clocks of the processes differ. */
const KEPT_MS = CHALLENGE_LIFETIME_MS + 120_000;
/** 2,400 a second, for as long as they are kept. About 300 MB of disk. */
const MAX_SPENT = 1_000_000;

/** Says which challenges were spent, to all processes. */
export interface SpentChallenges {
  /** False when it was spent before. Fails when there is no answer. */
  add(nonce: string): Promise<boolean>;
}

/**
 * Challenges that are good at each process of a directory, once at all of them together: the key of their HMAC is
 * theirs in common, and spending one writes it down. While the store is lost, each process remembers its own only: what
 * could be done twice then (a renewal, a lookup) does no harm, and the rest needs the store.
 */
export class SharedChallenges implements ChallengeBook {
  readonly #own: Challenges;
  readonly #spent: SpentChallenges;

  constructor(own: Challenges, spent: SpentChallenges) {
    this.#own = own;
    this.#spent = spent;
  }

  issue(): string {
    return this.#own.issue();
  }

  async spend(nonce: string): Promise<number> {
    const issuedAtMs = this.#own.spend(nonce);
    const isFirst = await this.#spent.add(nonce).catch(() => true);
    if (!isFirst) throw refusal('nonce-invalid', 'the challenge was used before');
    return issuedAtMs;
  }
}

/** Whether it is worth asking, and what asking comes to when the connection breaks. */
interface LogState {
  readonly isUsable: boolean;
  whileConnected<Value>(promise: Promise<Value>): Promise<Value>;
}

/** One message each, `NAME.challenge.NONCE`, forgotten by the server when it is too old to be spent. */
export class JetStreamSpent implements SpentChallenges {
  readonly #client: JetStreamClient;
  readonly #prefix: string;
  readonly #log: LogState;
  readonly #patienceMs: number;

  private constructor({ manager }: JetStreamConnection, { name, patienceMs }: NatsPlace, log: LogState) {
    this.#patienceMs = patienceMs;
    this.#client = manager.jetstream();
    this.#prefix = `${name}.challenge.`;
    this.#log = log;
  }

  static async open(
    jetStream: JetStreamConnection,
    place: NatsPlace,
    log: LogState,
  ): Promise<JetStreamSpent> {
    await ensureStream(jetStream.manager, place, {
      name: `${place.name}-challenges`,
      subjects: [`${place.name}.challenge.>`],
      max_msgs: MAX_SPENT,
      max_age: nanos(KEPT_MS),
    });
    return new JetStreamSpent(jetStream, place, log);
  }

  async add(nonce: string): Promise<boolean> {
    if (!this.#log.isUsable) throw new Error('there is no connection');
    try {
      const options = { expect: { lastSubjectSequence: 0 }, timeout: this.#patienceMs };
      await this.#log.whileConnected(this.#client.publish(this.#prefix + nonce, '', options));
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }
}
