import { toBase64Url } from '@overcall/wire';
import { quarterJitter } from '../jitter.ts';
import { TokenBucket } from '../token-bucket.ts';
import { PeerMeter } from './peer-meter.ts';

/** Between two requests to a neighbour, give or take a quarter. */
const PROBE_INTERVAL_MS = 4000;
/** The first requests to a new neighbour come faster. */
const FIRST_PROBES = 10;
const FIRST_INTERVAL_MS = 500;
/** One more goes each second to somebody who is no neighbour: to find nearer ones, and dead ones that are back. */
const EXPLORE_INTERVAL_MS = 1000;
/** What was not answered by then is lost. */
const ANSWER_TIMEOUT_MS = 1500;
/** For a question: so many requests, so far apart. */
const PROBES_ON_DEMAND = 3;
const ON_DEMAND_INTERVAL_MS = 80;
/** All requests together. */
const PROBE_RATE = { perSecond: 40, burst: 200 };
/** A measurement is good for so long. */
export const FRESH_MS = 120_000;

export type ProberOutput =
  /** A STUN Binding request to the UDP address of this supernode; `transaction` is its id, 12 bytes as base64url. */
  | { kind: 'probe'; to: string; transaction: string }
  /** It answers where it did not. */
  | { kind: 'back'; supernode: string };

interface Probe {
  to: string;
  sentAtMs: number;
}

/** Measures round trips and loss to neighbours, and now and then to others. Pure: see {@link ProberOutput}. */
export class Prober {
  readonly #random: () => number;
  readonly #randomBytes: (length: number) => Uint8Array;
  readonly #bucket: TokenBucket;
  readonly #meters = new Map<string, PeerMeter>();
  readonly #nextAtMs = new Map<string, number>();
  readonly #underWay = new Map<string, Probe>();
  readonly #onDemand: { to: string; atMs: number }[] = [];
  #others: readonly string[] = [];
  #hints: string[] = [];
  #turn = 0;
  #nextExploreMs: number;

  constructor(options: { random(): number; randomBytes(length: number): Uint8Array }, nowMs: number) {
    this.#random = options.random;
    this.#randomBytes = options.randomBytes;
    this.#bucket = new TokenBucket(PROBE_RATE, nowMs);
    this.#nextExploreMs = nowMs + options.random() * EXPLORE_INTERVAL_MS;
  }

  /** All others of the list, shuffled. */
  setListed(shuffled: readonly string[]): void {
    this.#others = shuffled;
    const listed = new Set(shuffled);
    for (const id of [...this.#meters.keys()]) if (!listed.has(id)) this.#meters.delete(id);
    this.#hints = this.#hints.filter((id) => listed.has(id));
  }

  setNeighbours(neighbours: ReadonlySet<string>, nowMs: number): void {
    for (const id of [...this.#nextAtMs.keys()]) if (!neighbours.has(id)) this.#nextAtMs.delete(id);
    for (const id of neighbours)
      if (!this.#nextAtMs.has(id)) this.#nextAtMs.set(id, nowMs + this.#random() * FIRST_INTERVAL_MS);
  }

  /** These may be near: asked next. */
  hint(ids: readonly string[]): void {
    for (const id of ids) if (!this.#meters.has(id) && this.#hints.length < 32) this.#hints.push(id);
  }

  /** Asks these now, for somebody waits for the answer. */
  measureNow(ids: readonly string[], nowMs: number): void {
    for (const to of ids)
      for (let i = 0; i < PROBES_ON_DEMAND; i++)
        if (this.#onDemand.length < 256) this.#onDemand.push({ to, atMs: nowMs + i * ON_DEMAND_INTERVAL_MS });
  }

  meter(id: string): PeerMeter | null {
    return this.#meters.get(id) ?? null;
  }

  /** Whether there is a measurement worth telling. */
  isFresh(id: string, nowMs: number, samples = PROBES_ON_DEMAND): boolean {
    const meter = this.#meters.get(id);
    return meter !== undefined && meter.samples >= samples && nowMs - meter.sampledAtMs < FRESH_MS;
  }

  get size(): number {
    return this.#meters.size;
  }

  *near(): IterableIterator<[string, number]> {
    for (const [id, { rttMs, isSilent }] of this.#meters) if (rttMs !== null && !isSilent) yield [id, rttMs];
  }

  /** True when this was an answer to one of our requests. */
  handleAnswer(transaction: string, nowMs: number): ProberOutput[] | null {
    const probe = this.#underWay.get(transaction);
    if (!probe) return null;
    this.#underWay.delete(transaction);
    return this.#sample(probe.to, nowMs - probe.sentAtMs, nowMs);
  }

  #sample(id: string, rttMs: number | null, nowMs: number): ProberOutput[] {
    const meter = this.#meters.get(id) ?? new PeerMeter();
    this.#meters.set(id, meter);
    return meter.handleSample(rttMs, nowMs) ? [{ kind: 'back', supernode: id }] : [];
  }

  handleTimeout(nowMs: number): ProberOutput[] {
    const outputs: ProberOutput[] = [];
    for (const [transaction, { to, sentAtMs }] of this.#underWay) {
      if (nowMs - sentAtMs < ANSWER_TIMEOUT_MS) break;
      this.#underWay.delete(transaction);
      outputs.push(...this.#sample(to, null, nowMs));
    }
    for (let i = 0; i < this.#onDemand.length; ) {
      if (this.#onDemand[i]!.atMs > nowMs) i++;
      else outputs.push(...this.#probe(this.#onDemand.splice(i, 1)[0]!.to, nowMs));
    }
    for (const [id, atMs] of this.#nextAtMs) {
      if (atMs > nowMs) continue;
      const isNew = (this.#meters.get(id)?.samples ?? 0) < FIRST_PROBES;
      const intervalMs = isNew ? FIRST_INTERVAL_MS : quarterJitter(PROBE_INTERVAL_MS, this.#random);
      this.#nextAtMs.set(id, nowMs + intervalMs);
      outputs.push(...this.#probe(id, nowMs));
    }
    if (nowMs >= this.#nextExploreMs) {
      this.#nextExploreMs = nowMs + quarterJitter(EXPLORE_INTERVAL_MS, this.#random);
      const other = this.#nextToExplore();
      if (other !== undefined) outputs.push(...this.#probe(other, nowMs));
    }
    return outputs;
  }

  #nextToExplore(): string | undefined {
    const hint = this.#hints.shift();
    if (hint !== undefined) return hint;
    for (let tries = 0; tries <= this.#nextAtMs.size; tries++) {
      const other = this.#others[this.#turn++ % Math.max(1, this.#others.length)];
      if (other !== undefined && !this.#nextAtMs.has(other)) return other;
    }
    return undefined;
  }

  #probe(to: string, nowMs: number): ProberOutput[] {
    if (!this.#bucket.take(nowMs)) return [];
    const transaction = toBase64Url(this.#randomBytes(12));
    this.#underWay.set(transaction, { to, sentAtMs: nowMs });
    return [{ kind: 'probe', to, transaction }];
  }
}
