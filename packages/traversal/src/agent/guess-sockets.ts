import type { FreshSocket } from './foretelling.ts';
import type { GuessOutput } from './guess-situation.ts';
import type { SocketId } from './path.ts';

/**
 * What was sent before a server is asked where the allocator is may take so long to get to the NAT, ms; what overtakes
 * would be counted twice.
 */
const CALM_MS = 40;

/** The fresh sockets of an attempt to guess ports: asked for, held, closed; and which of them a server is asked about. */
export class GuessSockets {
  readonly #emit: (output: GuessOutput) => void;
  #held: FreshSocket[] = [];
  #isOpening = false;
  /** The one that a server is asked about. */
  #measured: SocketId | null = null;
  #measuresAtMs = Number.POSITIVE_INFINITY;

  constructor(emit: (output: GuessOutput) => void) {
    this.#emit = emit;
  }

  /** In the order in which they were asked for. */
  get held(): readonly FreshSocket[] {
    return this.#held;
  }

  /** Some were asked for and are not there yet. */
  get isOpening(): boolean {
    return this.#isOpening;
  }

  get deadline(): number {
    return this.#measuresAtMs;
  }

  owns(socket: SocketId): boolean {
    return this.#held.some((fresh) => fresh.socket === socket);
  }

  open(count: number): void {
    if (count === 0) return;
    this.#isOpening = true;
    this.#emit({ type: 'open-sockets', count });
  }

  /** Those that were asked for. False when nobody waits for them any more: they are closed. */
  take(sockets: readonly FreshSocket[]): boolean {
    if (!this.#isOpening) {
      this.#emit({ type: 'close-sockets', sockets: sockets.map(({ socket }) => socket) });
      return false;
    }
    this.#isOpening = false;
    this.#held.push(...sockets);
    return true;
  }

  /** A server is asked about this one, in a moment; about none when it is null. */
  measure(socket: SocketId | null, nowMs: number): void {
    this.#measured = socket;
    if (socket !== null) this.#measuresAtMs = nowMs + CALM_MS;
  }

  /** Whether one was to be measured; from now on none is. */
  takeMeasured(): boolean {
    const wasMeasured = this.#measured !== null;
    this.#measured = null;
    return wasMeasured;
  }

  handleTimeout(nowMs: number): void {
    if (nowMs < this.#measuresAtMs) return;
    this.#measuresAtMs = Number.POSITIVE_INFINITY;
    if (this.#measured !== null) this.#emit({ type: 'measure', socket: this.#measured });
  }

  /** What was asked for is not waited for any more; what is held stays. */
  rest(): void {
    this.#isOpening = false;
    this.#measuresAtMs = Number.POSITIVE_INFINITY;
  }

  /** All but those that paths go over. */
  close(used: readonly SocketId[] = []): void {
    const isUsed = ({ socket }: FreshSocket) => used.includes(socket);
    const sockets = this.#held.filter((fresh) => !isUsed(fresh)).map(({ socket }) => socket);
    this.#held = this.#held.filter(isUsed);
    if (sockets.length > 0) this.#emit({ type: 'close-sockets', sockets });
  }
}
