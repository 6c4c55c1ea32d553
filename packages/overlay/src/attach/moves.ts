import type { SupernodeMessage } from '@overcall/wire';

export type MoveReason = Extract<SupernodeMessage, { t: 'move' }>['reason'];

/** Everybody is asked at once and picks a moment within this, ms: an emptied supernode is no wave for the others. */
export const MOVE_SPREAD_MS = 8000;
/** Those who are still there after this have nowhere to go, or do not understand: nobody waits for them, ms. */
export const MOVE_PATIENCE_MS = 12_000;
/** Above the first of these some are asked to go elsewhere, until it is below the second. */
const CROWDED_LOAD = 0.95;
const RELIEVED_LOAD = 0.9;
/** So many of those attached are asked in a second while it is crowded, and each no sooner again than this, ms. */
const ASKED_SHARE_PER_SECOND = 0.01;
const ASK_AGAIN_MS = 300_000;

/** A map by connection, or a set of connections, oldest first. */
type Connections = Pick<ReadonlyMap<number, unknown>, 'size' | 'has' | 'keys'>;

/** Which softphones are asked to attach elsewhere, and when. */
export class Moves {
  #everybodySinceMs: number | null = null;
  #isCrowded = false;
  #askedAtMs = new Map<number, number>();
  #lastLookMs: number | null = null;

  /** Everybody is to go; the message for each, once. */
  askEverybody(
    reason: MoveReason,
    connections: Iterable<number>,
    nowMs: number,
  ): [number, SupernodeMessage][] {
    if (this.#everybodySinceMs !== null) return [];
    this.#everybodySinceMs = nowMs;
    return [...connections].map((connection) => [connection, moveMessage(reason, MOVE_SPREAD_MS)]);
  }

  /** They may stay after all. */
  stay(): void {
    this.#everybodySinceMs = null;
  }

  /** Everybody has been asked, and had the time to go. */
  isPatienceOver(nowMs: number): boolean {
    return this.#everybodySinceMs !== null && nowMs >= this.#everybodySinceMs + MOVE_PATIENCE_MS;
  }

  /** Looks whether there are too many; those who have been here longest are asked first. */
  relieve(load: number, connections: Connections, nowMs: number): [number, SupernodeMessage][] {
    const elapsedMs = Math.min(1000, nowMs - (this.#lastLookMs ?? nowMs));
    this.#lastLookMs = nowMs;
    this.#isCrowded = load >= (this.#isCrowded ? RELIEVED_LOAD : CROWDED_LOAD);
    if (!this.#isCrowded || this.#everybodySinceMs !== null) return [];
    for (const connection of this.#askedAtMs.keys())
      if (!connections.has(connection)) this.#askedAtMs.delete(connection);
    let most = Math.ceil((connections.size * ASKED_SHARE_PER_SECOND * elapsedMs) / 1000);
    const asked: [number, SupernodeMessage][] = [];
    for (const connection of connections.keys()) {
      if (most === 0) break;
      const askedAtMs = this.#askedAtMs.get(connection) ?? Number.NEGATIVE_INFINITY;
      if (nowMs < askedAtMs + ASK_AGAIN_MS) continue;
      this.#askedAtMs.set(connection, nowMs);
      asked.push([connection, moveMessage('overloaded', MOVE_SPREAD_MS)]);
      most--;
    }
    return asked;
  }
}

function moveMessage(reason: MoveReason, withinMs: number): SupernodeMessage {
  return { t: 'move', reason, withinMs };
}
