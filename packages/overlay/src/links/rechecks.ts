import { RECHECK_MS } from './link-limits.ts';

/** Supernodes whose link broke, and when to find out whether they are still there: each side at a moment of its own. */
export class Rechecks {
  readonly #random: () => number;
  readonly #atMs = new Map<string, number>();

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  get size(): number {
    return this.#atMs.size;
  }

  add(id: string, nowMs: number): void {
    this.#atMs.set(id, nowMs + this.#random() * RECHECK_MS);
  }

  /** It is being dialed, or has come by itself. */
  delete(id: string): void {
    this.#atMs.delete(id);
  }

  keep(listed: ReadonlySet<string>): void {
    for (const id of [...this.#atMs.keys()]) if (!listed.has(id)) this.#atMs.delete(id);
  }

  /** Those whose time has come, once. */
  take(nowMs: number): string[] {
    const due = [...this.#atMs].filter(([, atMs]) => nowMs >= atMs).map(([id]) => id);
    for (const id of due) this.#atMs.delete(id);
    return due;
  }
}
