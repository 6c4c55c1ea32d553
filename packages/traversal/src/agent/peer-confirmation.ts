/** A relay that cannot say where the peer is bound may know in a moment: asked again after this time, ms, then after twice as long. */
const CONFIRM_AGAIN_MS = 40;
const MAX_CONFIRMATIONS = 6;

/**
 * What a relay says about the address that the peer names: nothing is guessed at an address from which the peer is not bound
 * there. It may know only in a moment, so it is asked again, with growing pauses and so often at most.
 */
export class PeerConfirmation {
  #isGiven = false;
  #asked = 0;
  #againAtMs = Number.POSITIVE_INFINITY;

  get isGiven(): boolean {
    return this.#isGiven;
  }

  get wasAsked(): boolean {
    return this.#asked > 0;
  }

  /** When to ask again; Infinity when there is nothing to ask. */
  get deadline(): number {
    return this.#againAtMs;
  }

  /** Whether to ask: `given` already, `over` when it was asked as often as it may be. */
  ask(): 'ask' | 'given' | 'over' {
    this.#againAtMs = Number.POSITIVE_INFINITY;
    if (this.#isGiven) return 'given';
    return this.#asked++ >= MAX_CONFIRMATIONS ? 'over' : 'ask';
  }

  handleAnswer(isConfirmed: boolean, nowMs: number): void {
    if (isConfirmed) this.#isGiven = true;
    else this.#againAtMs = nowMs + CONFIRM_AGAIN_MS * 2 ** (this.#asked - 1);
  }

  /** The peer was heard over the relay: if it could not say a moment ago, it can now. */
  hurry(nowMs: number): void {
    if (this.#againAtMs !== Number.POSITIVE_INFINITY) this.#againAtMs = nowMs;
  }

  /** Nobody needs to know for now. */
  rest(): void {
    this.#againAtMs = Number.POSITIVE_INFINITY;
  }
}
