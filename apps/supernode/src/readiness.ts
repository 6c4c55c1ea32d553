import type { ReachState } from './dial-back/reachability.ts';
import type { DirectoryLink } from './directory-link.ts';

/** Why nobody should be sent to this supernode now, the cause that others follow from first; null when all is well. */
export function whyNotReady(state: {
  isLeaving: boolean;
  /** Null before it has begun, like `reach`. */
  link: Pick<DirectoryLink, 'isExpired' | 'isListed'> | null;
  reach: ReachState | null;
  /** How the clock is wrong. */
  clockTrouble: string | null;
}): string | null {
  const { isLeaving, link, clockTrouble } = state;
  if (isLeaving) return 'draining';
  if (clockTrouble !== null) return clockTrouble;
  if (link === null || link.isExpired) return 'no supernode list in force';
  if (!link.isListed) return 'not in the supernode list';
  const reach = state.reach ?? { state: 'checking' };
  if (reach.state === 'checking') return 'nobody has tried yet whether it can be reached';
  return reach.state === 'unreached' ? reach.reason : null;
}
