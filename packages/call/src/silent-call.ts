import type { EndReason } from './call-types.ts';

/** A path is there when somebody answers, or soon after: whoever hangs up before has not waited for one, s. */
const PATH_PATIENCE_S = 2;

/**
 * Whether an answered call is over without having had a path: nothing of the peer ever arrived, not even a ping, and
 * somebody waited for it. `isHeard` is that of its media session.
 */
export function hadNoPath(call: { isHeard: boolean; reason: EndReason; durationS: number }): boolean {
  return !call.isHeard && (call.reason === 'failed' || call.durationS >= PATH_PATIENCE_S);
}
