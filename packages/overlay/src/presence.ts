import type { CertificateChain, Endpoint } from '@overcall/wire';

/** A verified presence record. */
export interface Presence extends Endpoint {
  /** Canonical username. */
  name: string;
  seq: number;
  accepts: boolean;
  expiresAtMs: number;
  chain: CertificateChain;
  /** The signed record, as readers get it. */
  record: string;
}

/** What a lookup gives at most (the schema of `lookup-result`). */
const MAX_PER_NAME = 32;

/** Endpoints that take calls, by name. The highest `seq` of an endpoint wins; records expire. Bounded. */
export class PresenceTable {
  readonly #max: number;
  readonly #byName = new Map<string, Map<string, Presence>>();
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  put(presence: Presence, nowMs: number): 'stored' | 'stale' | 'full' {
    if (presence.expiresAtMs <= nowMs) return 'stale';
    const records = this.#byName.get(presence.name) ?? new Map<string, Presence>();
    const key = keyOf(presence);
    const known = records.get(key);
    if (known && known.seq >= presence.seq) return 'stale';
    if (!known && (this.#size >= this.#max || records.size >= MAX_PER_NAME)) return 'full';
    if (!known) this.#size++;
    records.set(key, presence);
    this.#byName.set(presence.name, records);
    return 'stored';
  }

  /** Where calls to `name` may go. */
  lookup(name: string, nowMs: number): Presence[] {
    const records = [...(this.#byName.get(name)?.values() ?? [])];
    return records.filter((presence) => presence.accepts && presence.expiresAtMs > nowMs);
  }

  /** The softphone has detached. */
  remove(name: string, endpoint: Endpoint): void {
    const records = this.#byName.get(name);
    if (!records?.delete(keyOf(endpoint))) return;
    this.#size--;
    if (records.size === 0) this.#byName.delete(name);
  }

  /** Forgets what has expired. */
  sweep(nowMs: number): void {
    for (const records of [...this.#byName.values()]) {
      for (const presence of [...records.values()]) {
        if (presence.expiresAtMs <= nowMs) this.remove(presence.name, presence);
      }
    }
  }
}

function keyOf({ device, endpoint }: Endpoint): string {
  return `${device} ${endpoint}`;
}
