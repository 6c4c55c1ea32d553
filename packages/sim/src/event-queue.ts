/** Something that happens at a time. */
export interface Event {
  fire(): void;
}

/**
 * Events by time, those of the same time in the order in which they were added: a binary heap, in parallel arrays so
 * that adding an event makes no object.
 */
export class EventQueue {
  readonly #timesMs: number[] = [];
  readonly #orders: number[] = [];
  readonly #events: Event[] = [];
  #added = 0;

  get size(): number {
    return this.#events.length;
  }

  /** Infinity when there is none. */
  get nextAtMs(): number {
    return this.#timesMs[0] ?? Number.POSITIVE_INFINITY;
  }

  add(atMs: number, event: Event): void {
    const order = this.#added++;
    let hole = this.#events.length;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      // An older event of the same time stays before this one.
      if (this.#timesMs[parent]! <= atMs) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#put(hole, atMs, order, event);
  }

  /** Undefined when there is none. */
  takeNext(): Event | undefined {
    const first = this.#events[0];
    const lastAtMs = this.#timesMs.pop();
    const lastOrder = this.#orders.pop();
    const last = this.#events.pop();
    if (this.#events.length > 0) this.#sinkFromTop(lastAtMs!, lastOrder!, last!);
    return first;
  }

  #sinkFromTop(atMs: number, order: number, event: Event): void {
    const count = this.#events.length;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= count) break;
      if (child + 1 < count && this.#isBefore(child + 1, this.#timesMs[child]!, this.#orders[child]!))
        child++;
      if (!this.#isBefore(child, atMs, order)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#put(hole, atMs, order, event);
  }

  #isBefore(index: number, atMs: number, order: number): boolean {
    const other = this.#timesMs[index]!;
    return other < atMs || (other === atMs && this.#orders[index]! < order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#timesMs[from]!, this.#orders[from]!, this.#events[from]!);
  }

  #put(index: number, atMs: number, order: number, event: Event): void {
    this.#timesMs[index] = atMs;
    this.#orders[index] = order;
    this.#events[index] = event;
  }
}
