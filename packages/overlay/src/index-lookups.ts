import {
  FIRST_GRACE_MS,
  LOOKUP_TIMEOUT_MS,
  MAX_LOOKUPS,
  OWN_GRACE_MS,
  REPEAT_MS,
  SECOND_GRACE_MS,
} from './index-limits.ts';
import { newestOf, type Presence } from './presence.ts';

/** Who asked, to be answered once. */
export interface Asker {
  connection: number;
  id: number;
}

interface Pending {
  asker: Asker;
  name: string;
  /** Supernodes that have not answered, or whose answer is being checked. */
  waiting: Set<string>;
  found: Presence[];
  answerAtMs: number;
  /** Keepers that have found somebody. */
  findings: number;
  /** Whether to wait for all. */
  isRepeat: boolean;
}

export interface FoundRecords {
  asker: Asker;
  /** The newest record of each endpoint, withdrawn ones too. */
  found: Presence[];
}

/**
 * Lookups that wait for keepers of a name. Each is answered once: when all have answered, a moment after somebody was found, or
 * when it has taken too long. Records count only once their signatures have been checked, so that one who lies fast hides nobody.
 */
export class IndexLookups {
  readonly #byRequest = new Map<number, Pending>();
  /** When who asked for which name last. */
  readonly #recent = new Map<string, number>();
  #lastRequest = 0;

  get size(): number {
    return this.#byRequest.size;
  }

  get hasRoom(): boolean {
    return this.#byRequest.size < MAX_LOOKUPS;
  }

  /** Returns the number to ask the keepers with. */
  start(
    asker: Asker,
    name: string,
    { keepers, own }: { keepers: readonly string[]; own: Presence[] },
    nowMs: number,
  ): number {
    const request = ++this.#lastRequest;
    const isRepeat = this.#isRepeat(asker, name, nowMs);
    const isHere = !isRepeat && own.some(({ accepts }) => accepts);
    this.#byRequest.set(request, {
      asker,
      name,
      waiting: new Set(keepers),
      found: [...own],
      answerAtMs: nowMs + (isHere ? OWN_GRACE_MS : LOOKUP_TIMEOUT_MS),
      findings: 0,
      isRepeat,
    });
    return request;
  }

  /** The name that `keeper` was asked for; null when it was not asked, or has answered. */
  nameAsked(request: number, keeper: string): string | null {
    const pending = this.#byRequest.get(request);
    return pending?.waiting.has(keeper) ? pending.name : null;
  }

  /** Checked records of a keeper; none when there is no link to it, or it knows nobody. */
  handleAnswer(request: number, keeper: string, records: readonly Presence[], nowMs: number): void {
    const pending = this.#byRequest.get(request);
    if (!pending?.waiting.delete(keeper)) return;
    const ofName = records.filter(({ name }) => name === pending.name);
    pending.found.push(...ofName);
    const isFound = ofName.some(({ accepts, expiresAtMs }) => accepts && expiresAtMs > nowMs);
    if (!isFound || pending.isRepeat) return;
    const graceMs = ++pending.findings === 1 ? FIRST_GRACE_MS : SECOND_GRACE_MS;
    pending.answerAtMs = Math.min(pending.answerAtMs, nowMs + graceMs);
  }

  #isRepeat({ connection }: Asker, name: string, nowMs: number): boolean {
    const key = `${connection} ${name}`;
    const beforeMs = this.#recent.get(key) ?? Number.NEGATIVE_INFINITY;
    this.#recent.delete(key);
    this.#recent.set(key, nowMs);
    if (this.#recent.size > MAX_LOOKUPS) this.#recent.delete(this.#recent.keys().next().value!);
    return nowMs - beforeMs < REPEAT_MS;
  }

  /** Lookups that are to be answered now. */
  handleTimeout(nowMs: number): FoundRecords[] {
    const done: FoundRecords[] = [];
    for (const [request, { asker, waiting, found, answerAtMs }] of this.#byRequest) {
      if (waiting.size > 0 && nowMs < answerAtMs) continue;
      this.#byRequest.delete(request);
      done.push({ asker, found: newestOf(found) });
    }
    return done;
  }

  get deadline(): number | null {
    let deadline: number | null = null;
    for (const { waiting, answerAtMs } of this.#byRequest.values()) {
      const atMs = waiting.size === 0 ? Number.NEGATIVE_INFINITY : answerAtMs;
      deadline = Math.min(deadline ?? Number.POSITIVE_INFINITY, atMs);
    }
    return deadline;
  }
}
