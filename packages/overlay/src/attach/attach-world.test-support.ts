import { AttachPolicy } from './attach-policy.ts';
import type { ListedChoice } from './known-supernode.ts';
import type { LeaveReason } from './leaving.ts';

export interface FakeSupernode extends ListedChoice {
  rttMs: number;
  /** Accepts attaches and answers measurements. */
  isUp: boolean;
  relays: boolean;
  load: number;
  /** Refuses attaches and says when to come again. */
  retryAfterMs?: number;
}

/** Time from attaching until it is known whether the relay works, ms. */
const VERDICT_MS = 500;
const ATTACH_TIMEOUT_MS = 5000;

/** One attach policy among supernodes that do what they are told, on a virtual clock. */
export class AttachWorld {
  nowMs = 0;
  readonly policy: AttachPolicy;
  readonly attached = new Set<string>();
  readonly attempts: { id: string; atMs: number }[] = [];
  readonly left: { id: string; reason: LeaveReason; atMs: number }[] = [];
  readonly announced: string[][] = [];
  readonly measured: string[][] = [];
  /** Of our certificates: how often they have been renewed, and which of them those have seen that we are attached to. */
  #generation = 0;
  readonly #seen = new Map<string, number>();
  readonly #supernodes: Map<string, FakeSupernode>;
  readonly #events: { atMs: number; run: () => void }[] = [];

  constructor(supernodes: readonly FakeSupernode[], random: () => number) {
    this.#supernodes = new Map(supernodes.map((each) => [each.id, each]));
    this.policy = new AttachPolicy(random);
  }

  start(): void {
    this.policy.setListed([...this.#supernodes.values()], this.nowMs);
    this.poll();
  }

  of(id: string): FakeSupernode {
    return this.#supernodes.get(id)!;
  }

  at(afterMs: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + afterMs, run });
  }

  /** Something happens, and the policy reacts. */
  tell(verb: (policy: AttachPolicy, nowMs: number) => void): void {
    verb(this.policy, this.nowMs);
    this.poll();
  }

  /** Its connections break, and nothing answers any more. */
  kill(id: string): void {
    this.of(id).isUp = false;
    this.cutOff(id);
  }

  /** There are new certificates; those that have seen the old ones alone cut us off later. */
  renew(cutOffInMs: number): void {
    const old = this.#generation++;
    this.tell((policy, nowMs) => policy.handleRenewed(cutOffInMs, nowMs));
    this.at(cutOffInMs, () => {
      for (const id of [...this.attached]) if (this.#seen.get(id) === old) this.cutOff(id);
    });
  }

  /** Its connection breaks. */
  cutOff(id: string): void {
    if (this.attached.delete(id)) this.tell((policy, nowMs) => policy.handleLost(id, nowMs));
  }

  poll(): void {
    for (const output of this.policy.poll(this.nowMs)) {
      if (output.type === 'measure') this.#measure(output.supernodes);
      else if (output.type === 'attach') this.#attach(output.supernode);
      else if (output.type === 'announce') this.announced.push(output.supernodes);
      else {
        this.attached.delete(output.supernode);
        this.left.push({ id: output.supernode, reason: output.reason, atMs: this.nowMs });
      }
    }
  }

  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (let turns = 0; ; turns++) {
      if (turns > 100_000) throw new Error('the policy is busy without end');
      const next = this.#events.reduce<{ atMs: number; run: () => void } | null>(
        (first, event) => (first === null || event.atMs < first.atMs ? event : first),
        null,
      );
      const dueMs = Math.min(next?.atMs ?? Number.POSITIVE_INFINITY, this.policy.deadline);
      if (dueMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      if (next !== null && next.atMs <= dueMs) {
        this.#events.splice(this.#events.indexOf(next), 1);
        next.run();
      } else this.poll();
    }
    this.nowMs = endMs;
  }

  #measure(ids: string[]): void {
    this.measured.push(ids);
    for (const id of ids) {
      const { rttMs } = this.of(id);
      const answers = this.of(id).isUp;
      this.at(answers ? rttMs : 1500, () =>
        this.tell((policy, nowMs) => policy.handleMeasured(id, answers ? rttMs : null, nowMs)),
      );
    }
  }

  #attach(id: string): void {
    this.attempts.push({ id, atMs: this.nowMs });
    const supernode = this.of(id);
    const { rttMs, load, retryAfterMs } = supernode;
    if (!supernode.isUp || retryAfterMs !== undefined) {
      this.at(supernode.isUp ? 4 * rttMs : ATTACH_TIMEOUT_MS, () =>
        this.tell((policy, nowMs) => policy.handleFailed(id, retryAfterMs, nowMs)),
      );
      return;
    }
    const shown = this.#generation;
    this.at(4 * rttMs, () => {
      this.attached.add(id);
      this.#seen.set(id, shown);
      const facts = { rttMs, load, isOutdated: shown !== this.#generation };
      this.tell((policy, nowMs) => policy.handleAttached(supernode, facts, nowMs));
      this.at(VERDICT_MS, () => this.probe(id));
    });
  }

  /** A probe of the relay has come back, or not. */
  probe(id: string): void {
    if (this.attached.has(id))
      this.tell((policy, nowMs) => policy.handleRelay(id, this.of(id).relays, nowMs));
  }
}

export function fakeSupernode(
  index: number,
  changes: Partial<Omit<FakeSupernode, 'id'>> = {},
): FakeSupernode {
  const prefixes = [`198.51.${index}.0/24`];
  return { id: `s${index}`, prefixes, rttMs: 40, isUp: true, relays: true, load: 0.1, ...changes };
}
