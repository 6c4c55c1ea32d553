import type { LabSpec } from '../spec.ts';
import type { Link } from './link-spec.ts';

/**
 * The scenario with this link at each access link, or at the named nodes. An access link is what joins a public NAT,
 * and so everybody behind it, to the Internet.
 */
export function withLinks(
  spec: LabSpec,
  link: Link,
  nodes: readonly string[] = (spec.nats ?? [])
    .filter(({ behind }) => behind === undefined)
    .map(({ name }) => name),
): LabSpec {
  const others = (spec.links ?? []).filter(({ node }) => !nodes.includes(node));
  return { ...spec, links: [...others, ...nodes.map((node) => ({ node, ...link }))] };
}
