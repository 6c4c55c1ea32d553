import type { Path } from '@overcall/traversal';
import type { SoftphoneEvent } from './softphone-options.ts';

/** Time between two lines, ms; the path in use is measured as often. */
const INTERVAL_MS = 1000;

export interface PingWatchOptions {
  callId: string;
  to: string;
  /** The path that audio would take now; null while there is none. */
  current(): Path | null;
  /** Local `ip:port` of datagrams on a path. */
  localAddressOf(path: Path): string;
  report(event: SoftphoneEvent): void;
}

/** Reports each second by which path somebody who is pinged is reached, and at once when that changes. */
export class PingWatch {
  readonly #options: PingWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #seq = 0;

  constructor(options: PingWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#measure(), INTERVAL_MS);
    if (this.#reachable() !== null) this.#measure();
  }

  /** The path has changed: the first is news at once, and so is a direct one. */
  handlePath(path: Path): void {
    if (this.#seq > 0 && path.kind !== 'direct') return;
    this.#timer.refresh();
    this.#measure();
  }

  #reachable(): Path | null {
    const path = this.#options.current();
    return path?.rttMs == null ? null : path;
  }

  #measure(): void {
    const { callId, to, localAddressOf, report } = this.#options;
    const path = this.#reachable();
    report({
      event: 'ping',
      callId,
      to,
      seq: ++this.#seq,
      kind: path?.kind ?? null,
      transport: path?.transport ?? null,
      via: path === null ? [] : [...path.via],
      local: path === null ? null : localAddressOf(path),
      remote: path?.remote ?? null,
      rttMs: path?.rttMs == null ? null : Number(path.rttMs.toFixed(1)),
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
