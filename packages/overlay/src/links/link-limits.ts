import type { Rate } from '../token-bucket.ts';

/** Link protocol versions that this build speaks. */
export const LINK_VERSIONS: readonly number[] = [1];

/** From the first packet of a dial, or from accepting one, until both have proven who they are. */
export const HANDSHAKE_TIMEOUT_MS = 5000;
/** A joined link that was silent for this long is pinged (less a random part, so that one side does it for both). */
export const PING_AFTER_MS = 1500;
/** A joined link that was silent for this long is dead, whatever TCP says. */
export const DEAD_AFTER_MS = 4500;
/** Two links between the same two that were joined within this time crossed each other; later ones replace dead ones. */
export const CROSSING_MS = 5000;
/** A link that lost against its twin may still deliver what was under way. */
export const LINGER_MS = 2000;

/** Messages that wait for a link to one supernode; the oldest gives way. */
export const MAX_PENDING = 64;
/** How long they wait. */
export const PENDING_TIMEOUT_MS = 2000;
/** Supernodes that are being connected to at once. */
export const MAX_DIALS = 64;
/** Dials that messages and neighbours cause together. */
export const DIAL_RATE: Rate = { perSecond: 20, burst: 64 };

/** Links that this supernode opened for a message and keeps in case there are more. */
export const MAX_ON_DEMAND = 128;
/** Such a link is closed when nothing was said on it for so long. */
export const IDLE_MS = 60_000;
/** Joined links of all kinds. More, and one that has been idle goes, or the new one is turned away. */
export const MAX_LINKS = 512;

/** After the first failed dial, doubling, with half of it at random. */
export const BACKOFF_FIRST_MS = 1000;
export const BACKOFF_MAX_MS = 300_000;
/** A link that held for so long was a good one: the next failure is the first again. */
export const GOOD_AFTER_MS = 10_000;
/** After a link broke: how soon, at random, it is tried whether the other is still there. */
export const RECHECK_MS = 500;

/** What one supernode may send. All softphones of a big one may come to this one at once, each with some kilobytes. */
export const LINK_MESSAGES: Rate = { perSecond: 2000, burst: 20_000 };
export const LINK_CHARS: Rate = { perSecond: 2_000_000, burst: 32_000_000 };
/** Messages of later versions, which are skipped; more of what is not understood ends the link. */
export const MISUNDERSTOOD: Rate = { perSecond: 10, burst: 100 };
/** More than this waits to be sent: further messages fail as `overloaded`. */
export const MAX_LINK_BACKLOG_BYTES = 1_048_576;

/** How often links are looked at. */
export const TICK_MS = 250;
