/** An address that has not answered gets so many checks, and so many pongs. */
export const MAX_UNANSWERED_CHECKS = 10;

/**
 * What was spent on addresses that never answered, whatever the socket and however often an address is forgotten and
 * named again: a peer may lie about where it is.
 */
export class CheckBudget {
  readonly #checks = new Map<string, number>();
  readonly #openings = new Map<string, number>();
  readonly #pongs = new Map<string, number>();

  mayCheck(address: string): boolean {
    return (this.#checks.get(address) ?? 0) < MAX_UNANSWERED_CHECKS;
  }

  /** False when it has had its share. */
  takeCheck(address: string): boolean {
    return take(this.#checks, address);
  }

  takePong(address: string): boolean {
    return take(this.#pongs, address);
  }

  /** Openings die on the way, unless the peer is very near: then they are as good as checks. */
  takeOpening(address: string): boolean {
    return take(this.#openings, address);
  }

  /** It answered, or we are in another network, which no peer can bring about. */
  renew(address: string): void {
    this.#checks.delete(address);
    this.#pongs.delete(address);
    this.#openings.delete(address);
  }

  renewAll(): void {
    this.#checks.clear();
    this.#pongs.clear();
    this.#openings.clear();
  }
}

function take(spent: Map<string, number>, address: string): boolean {
  const before = spent.get(address) ?? 0;
  if (before >= MAX_UNANSWERED_CHECKS) return false;
  spent.set(address, before + 1);
  return true;
}
