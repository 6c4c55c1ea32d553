import type { LinkMessage } from '@overcall/wire';
import { type Rate, TokenBucket } from '../token-bucket.ts';
import { MeasurementRows } from './measurement-rows.ts';
import { chooseNeighbours } from './neighbours.ts';
import { Prober, type ProberOutput } from './prober.ts';

/** Neighbours are chosen anew so often, and soon after one was lost. */
const CHOOSE_INTERVAL_MS = 5000;
const CHOOSE_SOON_MS = 250;
/** Links over which the own row is told. */
const MAX_TOLD = 32;
/** Rows that one supernode may tell. */
const ROW_RATE: Rate = { perSecond: 0.5, burst: 10 };
/** How many of a near neighbour's own near ones are looked at. */
const HINTS_PER_ROW = 2;
const TICK_MS = 100;

export type MembershipOutput =
  | ProberOutput
  /** Links to hold from now on. */
  | { kind: 'want'; supernodes: ReadonlySet<string> }
  | { kind: 'link'; to: string; message: LinkMessage };

export interface MembershipOptions {
  /** Identity key id of this supernode. */
  supernode: string;
  random(): number;
  randomBytes(length: number): Uint8Array;
  /** Whether it is worth trying to reach it. */
  isAlive(id: string): boolean;
  /** Supernodes that are linked. */
  linked(): Iterable<string>;
  /** Milliseconds since 1970, for what others are told. */
  dateMs(): number;
}

/**
 * Which supernodes are neighbours, what is measured of them, and who is told. State and traffic do not grow with the network, but
 * for a few numbers for each supernode of the list: see docs/overlay.md.
 */
export class Membership {
  readonly prober: Prober;
  readonly rows: MeasurementRows;
  readonly #options: MembershipOptions;
  readonly #rowBuckets = new Map<string, TokenBucket>();
  /** Rows that were not taken. */
  droppedRows = 0;
  #neighbours: ReadonlySet<string> = new Set();
  #shuffled: string[] = [];
  #chooseAtMs: number | null = null;
  #nextTickMs: number | null = null;

  constructor(options: MembershipOptions, nowMs: number) {
    this.#options = options;
    this.prober = new Prober(options, nowMs);
    this.rows = new MeasurementRows(options.supernode, this.prober, options.random, nowMs);
  }

  get neighbours(): ReadonlySet<string> {
    return this.#neighbours;
  }

  /** The supernodes of a newer list, without this one. Those that stay keep their places, new ones get one by chance. */
  handleList(listed: ReadonlySet<string>, nowMs: number): MembershipOutput[] {
    const known = new Set(this.#shuffled);
    this.#shuffled = this.#shuffled.filter((id) => listed.has(id));
    for (const id of listed) {
      if (known.has(id)) continue;
      const at = Math.floor(this.#options.random() * (this.#shuffled.length + 1));
      const displaced = this.#shuffled[at];
      this.#shuffled[at] = id;
      if (displaced !== undefined) this.#shuffled.push(displaced);
    }
    this.prober.setListed(this.#shuffled);
    for (const id of [...this.#rowBuckets.keys()]) if (!listed.has(id)) this.handleGone(id);
    this.#nextTickMs ??= nowMs + TICK_MS;
    return this.#choose(nowMs);
  }

  handleGone(id: string): void {
    this.rows.forget(id);
    this.#rowBuckets.delete(id);
  }

  /** A link is down: if its supernode is dead, another one takes its place. */
  handleDown(_id: string, nowMs: number): void {
    this.#chooseAtMs = Math.min(this.#chooseAtMs ?? Number.POSITIVE_INFINITY, nowMs + CHOOSE_SOON_MS);
  }

  /** What a linked supernode tells of its own links; of others' nobody can tell. */
  handleRow(from: string, { of, links }: Extract<LinkMessage, { t: 'measurements' }>, nowMs: number): void {
    const bucket = this.#rowBuckets.get(from) ?? new TokenBucket(ROW_RATE, nowMs);
    this.#rowBuckets.set(from, bucket);
    if (of !== from || !bucket.take(nowMs)) {
      this.droppedRows++;
      return;
    }
    this.rows.handleRow(of, links, nowMs);
    this.#hint(links);
  }

  /** Who is near to a supernode that is near to us may be near. */
  #hint(links: readonly (readonly [string, number, number])[]): void {
    const near = [...links].sort((a, b) => a[1] - b[1]).slice(0, HINTS_PER_ROW);
    this.prober.hint(near.map(([id]) => id).filter((id) => id !== this.#options.supernode));
  }

  handleAnswer(transaction: string, nowMs: number): MembershipOutput[] | null {
    return this.prober.handleAnswer(transaction, nowMs);
  }

  handleTimeout(nowMs: number): MembershipOutput[] {
    if (this.#nextTickMs === null || nowMs < this.#nextTickMs) return [];
    this.#nextTickMs = nowMs + TICK_MS;
    const outputs: MembershipOutput[] = this.prober.handleTimeout(nowMs);
    if (this.#chooseAtMs !== null && nowMs >= this.#chooseAtMs) outputs.push(...this.#choose(nowMs));
    const row = this.rows.takeRow(this.#neighbours, nowMs);
    return row === null ? outputs : [...outputs, ...this.#tell(row)];
  }

  /** Neighbours first: those who chose us come after those whom we chose. */
  #tell(links: [string, number, number][]): MembershipOutput[] {
    const linked = [...this.#options.linked()];
    const isNeighbour = (id: string) => this.#neighbours.has(id);
    const order = [...linked.filter(isNeighbour), ...linked.filter((id) => !isNeighbour(id))];
    const atMs = Math.max(0, Math.floor(this.#options.dateMs()));
    const message = { t: 'measurements' as const, of: this.#options.supernode, atMs, links };
    return order.slice(0, MAX_TOLD).map((to) => ({ kind: 'link' as const, to, message }));
  }

  #choose(nowMs: number): MembershipOutput[] {
    this.#chooseAtMs = nowMs + CHOOSE_INTERVAL_MS;
    const { isAlive } = this.#options;
    const candidates = {
      shuffled: this.#shuffled,
      isAlive,
      near: this.prober.near(),
      current: this.#neighbours,
    };
    const chosen = chooseNeighbours(candidates);
    const isSame =
      chosen.size === this.#neighbours.size && [...chosen].every((id) => this.#neighbours.has(id));
    if (isSame) return [];
    this.#neighbours = chosen;
    this.prober.setNeighbours(chosen, nowMs);
    return [{ kind: 'want', supernodes: chosen }];
  }

  get nextDeadline(): number | null {
    return this.#nextTickMs;
  }
}
