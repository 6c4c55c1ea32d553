import type { LinkMessage } from '@overcall/wire';
import { MAX_PENDING, PENDING_TIMEOUT_MS } from './link-limits.ts';

interface Waiting {
  message: LinkMessage;
  untilMs: number;
}

/** Messages that wait for links to be opened: a few for each supernode, not for long. */
export class PendingMessages {
  readonly #bySupernode = new Map<string, Waiting[]>();

  get supernodes(): number {
    return this.#bySupernode.size;
  }

  has(to: string): boolean {
    return this.#bySupernode.has(to);
  }

  /** What had to give way; null when there was room. */
  add(to: string, message: LinkMessage, nowMs: number): LinkMessage | null {
    const waiting = this.#bySupernode.get(to) ?? [];
    waiting.push({ message, untilMs: nowMs + PENDING_TIMEOUT_MS });
    this.#bySupernode.set(to, waiting);
    return waiting.length > MAX_PENDING ? waiting.shift()!.message : null;
  }

  /** Everything that waits for this supernode, in order; it waits no more. */
  take(to: string): LinkMessage[] {
    const waiting = this.#bySupernode.get(to) ?? [];
    this.#bySupernode.delete(to);
    return waiting.map(({ message }) => message);
  }

  /** What has waited for too long. */
  takeLate(nowMs: number): { to: string; message: LinkMessage }[] {
    const late: { to: string; message: LinkMessage }[] = [];
    for (const [to, waiting] of [...this.#bySupernode]) {
      while (waiting.length > 0 && nowMs >= waiting[0]!.untilMs)
        late.push({ to, message: waiting.shift()!.message });
      if (waiting.length === 0) this.#bySupernode.delete(to);
    }
    return late;
  }
}
