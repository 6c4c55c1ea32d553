import type { CertificateChain, Endpoint } from '@overcall/wire';

/** A verified presence record. */
export interface Presence extends Endpoint {
  /** Canonical username. */
  name: string;
  seq: number;
  accepts: boolean;
  expiresAtMs: number;
  /** Key ids of the supernodes that it names. */
  supernodes: readonly string[];
  chain: CertificateChain;
  /** The signed record, as readers get it. */
  record: string;
}

/** What a lookup gives at most (the schema of `lookup-result`). */
export const MAX_PER_NAME = 32;

interface Stored {
  presence: Presence;
  /** The supernode that put it here; empty for a softphone. */
  by: string;
}

/** Endpoints that take calls, by name. The highest `seq` of an endpoint wins; records expire. Bounded. */
export class PresenceTable {
  #max: number;
  readonly #maxOfOne: number;
  readonly #byName = new Map<string, Map<string, Stored>>();
  readonly #countBySource = new Map<string, number>();
  #size = 0;

  /** @param maxOfOne records that one supernode may put here */
  constructor(max: number, maxOfOne = max) {
    this.#max = max;
    this.#maxOfOne = maxOfOne;
  }

  get size(): number {
    return this.#size;
  }

  /** Those that are too many now stay until they expire. */
  resize(max: number): void {
    this.#max = max;
  }

  put(presence: Presence, nowMs: number, by = ''): 'stored' | 'stale' | 'full' {
    if (presence.expiresAtMs <= nowMs) return 'stale';
    const records = this.#byName.get(presence.name) ?? new Map<string, Stored>();
    const key = keyOf(presence);
    const known = records.get(key);
    if (known && known.presence.seq >= presence.seq) return 'stale';
    if (!known && (this.#size >= this.#max || records.size >= MAX_PER_NAME)) return 'full';
    if (known?.by !== by && (this.#countBySource.get(by) ?? 0) >= this.#maxOfOne) return 'full';
    if (known) this.#count(known.by, -1);
    this.#count(by, 1);
    records.set(key, { presence, by });
    this.#byName.set(presence.name, records);
    return 'stored';
  }

  /** Where calls to `name` may go. */
  lookup(name: string, nowMs: number): Presence[] {
    return this.records(name, nowMs).filter(({ accepts }) => accepts);
  }

  /** Withdrawn ones too: they say that older ones are over. */
  records(name: string, nowMs: number): Presence[] {
    const records = [...(this.#byName.get(name)?.values() ?? [])].map(({ presence }) => presence);
    return records.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }

  *all(): IterableIterator<Presence> {
    for (const records of this.#byName.values()) for (const { presence } of records.values()) yield presence;
  }

  /** Whether this very record is the one in force. */
  has(presence: Presence): boolean {
    return this.#byName.get(presence.name)?.get(keyOf(presence))?.presence === presence;
  }

  /** The softphone has detached. */
  remove(name: string, endpoint: Endpoint): void {
    const records = this.#byName.get(name);
    const known = records?.get(keyOf(endpoint));
    if (!records || !known) return;
    records.delete(keyOf(endpoint));
    this.#count(known.by, -1);
    if (records.size === 0) this.#byName.delete(name);
  }

  /** Forgets what has expired. */
  sweep(nowMs: number): void {
    for (const records of [...this.#byName.values()]) {
      for (const { presence } of [...records.values()]) {
        if (presence.expiresAtMs <= nowMs) this.remove(presence.name, presence);
      }
    }
  }

  #count(source: string, by: number): void {
    this.#size += by;
    const count = (this.#countBySource.get(source) ?? 0) + by;
    if (count > 0) this.#countBySource.set(source, count);
    else this.#countBySource.delete(source);
  }
}

/** The newest record of each endpoint. */
export function newestOf(presences: Iterable<Presence>): Presence[] {
  const byEndpoint = new Map<string, Presence>();
  for (const presence of presences) {
    const known = byEndpoint.get(keyOf(presence));
    if (!known || known.seq < presence.seq) byEndpoint.set(keyOf(presence), presence);
  }
  return [...byEndpoint.values()];
}

function keyOf({ device, endpoint }: Endpoint): string {
  return `${device} ${endpoint}`;
}
