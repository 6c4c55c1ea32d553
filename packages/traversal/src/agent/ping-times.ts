import { MAX_UNANSWERED_CHECKS } from './check-budget.ts';
import type { Path } from './path.ts';
import type { Selection } from './selection.ts';
import { warmRelay } from './spares.ts';
import { PING_APART_MS } from './suspicion.ts';

/**
 * Time between pings, ms: of paths that carry audio, of the relay that is kept warm, of further ones. NATs on the way to a
 * relay remember a flow for 15 s at least, a relay for 30 s (docs/paths.md).
 */
const PING_IN_USE_MS = 250;
export const PING_WARM_MS = 1000;
const PING_OTHER_MS = 5000;
/** A path that has answered less often than that is asked again after this time, ms: until its round trip is known. */
const KNOWN_AFTER_ANSWERS = 5;
const PING_NEW_MS = 200;
/** While the path in use is suspected, it and its spares are pinged this often, ms; while it is new to audio, it alone. */
const PING_SUSPECTED_MS = PING_APART_MS;
/** A direct path that has not answered so many pings is forgotten, and a relay asked no more often than others. */
export const FORGET_AFTER_UNANSWERED = 8;

export interface PingSituation {
  selection: Selection;
  isTalking: boolean;
  paths: readonly Path[];
  /** Those that audio may take. */
  usable: readonly Path[];
  nowMs: number;
}

/** How long until a path that has answered is pinged again. */
export function pingInterval(
  path: Path,
  { selection, isTalking, paths, usable, nowMs }: PingSituation,
): number {
  const isInUse = path === selection.current;
  const isAnswering = path.unanswered < MAX_UNANSWERED_CHECKS;
  if (selection.isSuspected && isAnswering && (isInUse || selection.spares(usable, nowMs).includes(path)))
    return PING_SUSPECTED_MS;
  if (isTalking && isInUse) return selection.isTrying && isAnswering ? PING_SUSPECTED_MS : PING_IN_USE_MS;
  if (isTalking && selection.isCompanion(path)) return PING_IN_USE_MS;
  if (path.unanswered === 0 && path.answers < KNOWN_AFTER_ANSWERS) return PING_NEW_MS;
  if (isInUse) return PING_WARM_MS;
  if (path.isDirect) return PING_OTHER_MS;
  // A relay that has just stopped answering is asked as often as the warm one, until that is sure.
  const isDoubtful = path.unanswered > 0 && path.unanswered < FORGET_AFTER_UNANSWERED;
  return isDoubtful || path === warmRelay(paths, selection.current, nowMs) ? PING_WARM_MS : PING_OTHER_MS;
}
