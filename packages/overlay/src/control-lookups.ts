import type { Attachment } from './attachments.ts';
import { type ControlContext, type ControlOutput, send } from './control-context.ts';
import type { ControlIndex } from './control-index.ts';
import type { AttachedMessage, ControlSession } from './control-session.ts';
import { resultOf } from './lookup-result.ts';

/** Answers who asks where a user is: from its own softphones, and from the presence index. */
export class ControlLookups {
  readonly #context: ControlContext;
  readonly #index: ControlIndex;

  constructor(context: ControlContext, index: ControlIndex) {
    this.#context = context;
    this.#index = index;
  }

  handle(
    { connection }: Attachment,
    session: ControlSession,
    { id, name }: Extract<AttachedMessage, { t: 'lookup' }>,
    nowMs: number,
  ): ControlOutput[] {
    if (!session.buckets.lookups.take(nowMs)) {
      this.#context.count('rate-limited');
      return [send(connection, { t: 'lookup-result', id, endpoints: [], error: 'rate-limited' })];
    }
    const canonical = this.#context.options.canonicalName(name);
    if (canonical === null) return [send(connection, { t: 'lookup-result', id, endpoints: [] })];
    const asked = this.#index.find({ connection, id }, canonical, nowMs);
    // Where there is nobody to ask, the answer is ready.
    return [...asked, ...this.handleTimeout(nowMs)];
  }

  /** Answers that are ready; and what the index has to say to other supernodes meanwhile. */
  handleTimeout(nowMs: number): ControlOutput[] {
    const { outputs, found } = this.#index.handleTimeout(nowMs);
    const answers = found
      .filter(({ asker }) => this.#context.attachments.ofConnection(asker.connection) !== null)
      .map(({ asker: { connection, id }, found }) => {
        const inForce = found.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
        return send(connection, { t: 'lookup-result', id, ...resultOf(inForce) });
      });
    return [...outputs, ...answers];
  }
}
