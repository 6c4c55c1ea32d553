import type { NodeLink } from './link-spec.ts';
import type { Wire } from './wire.ts';

/** The namespace in which the shaper stands. No node can have this name. */
export const LINKS_NAMESPACE = '_links';

/** Said by the holder when the shaper has ended, which it does not do by itself. */
export const LINKS_ENDED = 'links-ended';

/** Interface indexes differ at all ends of wires; those of unshaped ones (setup-program.ts) are far below. */
const FIRST_INDEX = 20_000;

/**
 * An `ip` line for one of the two veth pairs of a shaped wire: everything up to `netns`. Segmentation is done before a packet
 * reaches the wire, or the shaper would see one packet where a real link carries dozens.
 */
const WHOLE_PACKETS = 'gso_max_segs 1';

/** The wire of a node, cut in two. `near` and `far` are `name X index N netns Y`. */
export function cutWire(number: number, near: string, far: string): string {
  const [toNode, toFar] = [FIRST_INDEX + 2 * number, FIRST_INDEX + 2 * number + 1];
  const pair = (end: string, inner: string, index: number) =>
    `link add ${end.replace(' netns', ` ${WHOLE_PACKETS} netns`)} type veth peer name ${inner} index ${index} netns ${LINKS_NAMESPACE}`;
  return `${pair(near, `near-${number}`, toNode)}\n${pair(far, `far-${number}`, toFar)}`;
}

/** What `ip` does in the namespace of the shaper. */
export const linkIpLines = (numbers: readonly number[]): string[] =>
  numbers.flatMap((number) => [`link set near-${number} up`, `link set far-${number} up`]);

/** The interfaces of {@link cutWire}, as the shaper is told. */
export function wiresOf(links: readonly NodeLink[], numberOf: (node: string) => number): Wire[] {
  return links.map(({ node, ...link }) => {
    const nodeSide = FIRST_INDEX + 2 * numberOf(node);
    return { node, nodeSide, farSide: nodeSide + 1, link };
  });
}

/**
 * Starts the shaper, at the same time as everything else: it takes longest. Its program, and descriptor 4, on which
 * it gets its orders, come from the maker of the lab through the keeper.
 */
export const START_SHAPER = `( NODE_OPTIONS= "$LAB_NODE_PROGRAM" "$LAB_SHAPER" || true; echo ${LINKS_ENDED} ) &
exec 4<&-`;
