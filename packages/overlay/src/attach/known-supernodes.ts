import {
  costOf,
  type KnownSupernode,
  type ListedChoice,
  newKnown,
  type RememberedSupernode,
} from './known-supernode.ts';

/** Supernodes that are measured at random in each round, besides the known good ones: with thousands nobody measures all. */
const SAMPLE_SIZE = 16;
/** Known good ones: measured in each round, and kept on disk. */
export const MAX_REMEMBERED = 8;
/** Of how many supernodes something is known at once. */
const MAX_KNOWN = 64;

/** What one softphone knows of the supernodes in the list, however many these are. Bounded. */
export class KnownSupernodes {
  readonly #random: () => number;
  #listed: readonly ListedChoice[] = [];
  readonly #byId = new Map<string, KnownSupernode>();
  #remembered: readonly RememberedSupernode[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  get listed(): number {
    return this.#listed.length;
  }

  get(id: string): KnownSupernode | undefined {
    return this.#byId.get(id);
  }

  all(): KnownSupernode[] {
    return [...this.#byId.values()];
  }

  attached(): KnownSupernode[] {
    return this.all().filter(({ phase }) => phase === 'attached');
  }

  /** What was good when this softphone ran last. */
  remember(remembered: readonly RememberedSupernode[]): void {
    this.#remembered = remembered.slice(0, MAX_REMEMBERED);
  }

  /** A newer list. Those in use that it does not name any more are given back. */
  setListed(listed: readonly ListedChoice[], nowMs: number): KnownSupernode[] {
    this.#listed = listed;
    const byId = new Map(listed.map((choice) => [choice.id, choice]));
    const gone: KnownSupernode[] = [];
    for (const known of this.all()) {
      const choice = byId.get(known.id);
      known.isListed = choice !== undefined;
      if (choice !== undefined) known.prefixes = choice.prefixes;
      else if (known.phase === 'idle') this.#byId.delete(known.id);
      else gone.push(known);
    }
    for (const { id, rttMs } of this.#remembered) {
      const choice = byId.get(id);
      if (choice !== undefined && !this.#byId.has(id)) this.know(choice, nowMs).rttMs = rttMs;
    }
    this.#remembered = [];
    return gone;
  }

  know(choice: ListedChoice, nowMs: number): KnownSupernode {
    const known = this.#byId.get(choice.id) ?? newKnown(choice, nowMs);
    this.#byId.set(choice.id, known);
    return known;
  }

  /** Those to measure now: in use, known good, and some at random, which are known from now on. */
  sample(nowMs: number): KnownSupernode[] {
    const chosen = new Set([...this.attached(), ...this.#good()]);
    for (const known of this.#drawn(SAMPLE_SIZE, nowMs)) chosen.add(known);
    this.#forget(chosen, nowMs);
    return [...chosen];
  }

  /** Some more at random, when those known are of no use. */
  draw(nowMs: number): void {
    if (this.#byId.size < this.#listed.length && this.#byId.size < MAX_KNOWN) this.#drawn(SAMPLE_SIZE, nowMs);
  }

  #drawn(count: number, nowMs: number): KnownSupernode[] {
    const { length } = this.#listed;
    if (length <= count) return this.#listed.map((choice) => this.know(choice, nowMs));
    const indexes = new Set<number>();
    while (indexes.size < count) indexes.add(Math.floor(this.#random() * length));
    return [...indexes].map((index) => this.know(this.#listed[index]!, nowMs));
  }

  #good(): KnownSupernode[] {
    const good = this.all().filter(
      ({ rttMs, failures, relayFailures }) => rttMs !== null && failures === 0 && relayFailures === 0,
    );
    return good.sort((a, b) => costOf(a) - costOf(b)).slice(0, MAX_REMEMBERED);
  }

  /** The best first, for the next start. */
  get memory(): RememberedSupernode[] {
    return this.#good().map(({ id, rttMs }) => ({ id, rttMs: Math.round(rttMs!) }));
  }

  /** Who has failed is remembered until the penalty is over, the others only as long as there is room. */
  #forget(keep: ReadonlySet<KnownSupernode>, nowMs: number): void {
    for (const known of this.all()) {
      const isPunished = nowMs < known.penaltyUntilMs || nowMs < known.notBeforeMs;
      if (keep.has(known) || known.phase !== 'idle') continue;
      if (!isPunished || this.#byId.size > MAX_KNOWN) this.#byId.delete(known.id);
    }
  }
}
