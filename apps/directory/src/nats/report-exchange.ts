import type { NatsConnection } from '@nats-io/transport-node';
import { MAX_REPORT_CHARACTERS } from '@overcall/identity';
import type { NatsPlace } from '../store-choice.ts';

/** Reports that are looked at in one moment; more are dropped, and come again in a minute. */
const MAX_AT_ONCE = 200;

/**
 * Passes reports of supernodes on, so that the page of each process shows all of them. They are messages of NATS that nobody keeps:
 * whoever is not there has the next ones. Each process checks them as if they came from the supernode.
 */
export class ReportExchange {
  readonly #connection: NatsConnection;
  readonly #subject: string;
  #atOnce = 0;

  constructor(connection: NatsConnection, { name }: NatsPlace) {
    this.#connection = connection;
    this.#subject = `${name}.report`;
  }

  /** Own ones come back too, and are refused as old. */
  tell(report: string): void {
    if (!this.#connection.isClosed()) this.#connection.publish(this.#subject, report);
  }

  listen(take: (report: string) => Promise<unknown>): void {
    this.#connection.subscribe(this.#subject, {
      callback: (error, message) => {
        if (error !== null || message.data.length > MAX_REPORT_CHARACTERS) return;
        if (this.#atOnce >= MAX_AT_ONCE) return;
        this.#atOnce++;
        take(message.string())
          .catch(() => {})
          .finally(() => this.#atOnce--);
      },
    });
  }
}
