import type { Attachment } from './attachments.ts';
import { type ControlContext, type ControlOutput, send } from './control-context.ts';
import type { AttachedMessage, ControlSession } from './control-session.ts';
import { fittingEndpoints } from './lookup-result.ts';

/** Answers who asks where a user is. */
export class ControlLookups {
  readonly #context: ControlContext;

  constructor(context: ControlContext) {
    this.#context = context;
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
    const { options, presence } = this.#context;
    const canonical = options.canonicalName(name);
    const found = canonical === null ? [] : presence.lookup(canonical, nowMs);
    return [send(connection, { t: 'lookup-result', id, endpoints: fittingEndpoints(found) })];
  }
}
