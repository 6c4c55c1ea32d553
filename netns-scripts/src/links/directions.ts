// Apart from link-spec.ts, so that the shaper, which the start of a lab waits for, need not load a schema library.
import type { Link, LinkDirection } from './link-spec.ts';

/** How long a packet may wait for its turn on a link with a bandwidth, unless the link says so itself. */
export const DEFAULT_QUEUE_MS = 200;

/** Each direction with all of its fields. */
export function directionsOf({ up, down, ...both }: Link): Record<'up' | 'down', LinkDirection> {
  return { up: { ...both, ...up }, down: { ...both, ...down } };
}
