import type { LinkMessage } from '@overcall/wire';
import { quarterJitter } from '../jitter.ts';
import { FRESH_MS, type Prober } from './prober.ts';

type Row = Extract<LinkMessage, { t: 'measurements' }>;
type Entry = Row['links'][number];

/** Most supernodes in one's own row: the neighbours, and those that were asked about lately (the schema has room for 64). */
const MAX_ROW = 48;
/** Rows of others that are kept; the one that was told longest ago is forgotten. */
export const MAX_ROWS = 512;
/** Unless something changes, the own row is told so often, give or take a quarter. */
const TELL_INTERVAL_MS = 20_000;
/** When something changes, no more often than this. */
const TELL_AGAIN_MS = 5000;
/** How often it is looked whether anything has changed. */
const LOOK_INTERVAL_MS = 1000;
/** A change worth telling: of a round trip by more than this and a fifth, of loss by more than two points. */
const RTT_CHANGE_MS = 5;
const RTT_CHANGE = 0.2;
const LOSS_CHANGE_PCT = 2;

/** What this supernode and others measured of their links: each tells its own row, to those it is linked with, and to nobody else. */
export class MeasurementRows {
  readonly #self: string;
  readonly #prober: Prober;
  readonly #random: () => number;
  readonly #byOwner = new Map<string, { heardAtMs: number; links: Map<string, Entry> }>();
  #told = new Map<string, Entry>();
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #tellAtMs: number;
  #lookAtMs = Number.NEGATIVE_INFINITY;

  constructor(self: string, prober: Prober, random: () => number, nowMs: number) {
    this.#self = self;
    this.#prober = prober;
    this.#random = random;
    this.#tellAtMs = nowMs + random() * TELL_AGAIN_MS;
  }

  get size(): number {
    return this.#byOwner.size;
  }

  /** What `of` measured of its link to `to`, percent and ms; null when nothing is known. */
  find(of: string, to: string, nowMs: number): { rttMs: number; lossPct: number } | null {
    const entry = of === this.#self ? this.#ownEntry(to, nowMs) : this.#otherEntry(of, to, nowMs);
    return entry ? { rttMs: entry[1], lossPct: entry[2] } : null;
  }

  #otherEntry(of: string, to: string, nowMs: number): Entry | null {
    const row = this.#byOwner.get(of);
    return row && nowMs - row.heardAtMs < FRESH_MS ? (row.links.get(to) ?? null) : null;
  }

  #ownEntry(to: string, nowMs: number): Entry | null {
    const meter = this.#prober.meter(to);
    if (meter === null || meter.rttMs === null || !this.#prober.isFresh(to, nowMs)) return null;
    return [to, rounded(Math.min(meter.rttMs, 60_000)), rounded(meter.lossPct)];
  }

  /** Of a supernode that told its own. */
  handleRow(of: string, links: readonly Entry[], nowMs: number): void {
    this.#byOwner.delete(of);
    this.#byOwner.set(of, { heardAtMs: nowMs, links: new Map(links.map((entry) => [entry[0], entry])) });
    if (this.#byOwner.size > MAX_ROWS) this.#byOwner.delete(this.#byOwner.keys().next().value!);
  }

  /** Answers to single questions are added to what is known of that supernode. */
  handleAnswer(of: string, links: readonly Entry[], nowMs: number): void {
    const known = this.#byOwner.get(of);
    const fresh = known && nowMs - known.heardAtMs < FRESH_MS ? [...known.links.values()] : [];
    this.handleRow(
      of,
      [...links, ...fresh.filter(([id]) => !links.some((entry) => entry[0] === id))].slice(0, 64),
      nowMs,
    );
  }

  forget(of: string): void {
    this.#byOwner.delete(of);
  }

  ownRow(ids: Iterable<string>, nowMs: number): Entry[] {
    const row: Entry[] = [];
    for (const id of ids) {
      if (row.length >= MAX_ROW) break;
      const entry = this.#ownEntry(id, nowMs);
      if (entry) row.push(entry);
    }
    return row;
  }

  /** The own row when it is time to tell it; null when it is not. */
  takeRow(neighbours: ReadonlySet<string>, nowMs: number): Entry[] | null {
    if (nowMs - this.#toldAtMs < TELL_AGAIN_MS || nowMs < this.#lookAtMs) return null;
    this.#lookAtMs = nowMs + LOOK_INTERVAL_MS;
    const row = this.ownRow(neighbours, nowMs);
    const isDue = nowMs >= this.#tellAtMs && row.length > 0;
    if (!isDue && !this.#hasChanged(row)) return null;
    this.#told = new Map(row.map((entry) => [entry[0], entry]));
    this.#toldAtMs = nowMs;
    this.#tellAtMs = nowMs + quarterJitter(TELL_INTERVAL_MS, this.#random);
    return row;
  }

  #hasChanged(row: readonly Entry[]): boolean {
    return row.some(([id, rttMs, lossPct]) => {
      const told = this.#told.get(id);
      if (!told) return true;
      const rttChange = Math.abs(told[1] - rttMs);
      return (
        (rttChange > RTT_CHANGE_MS && rttChange > RTT_CHANGE * told[1]) ||
        Math.abs(told[2] - lossPct) > LOSS_CHANGE_PCT
      );
    });
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
