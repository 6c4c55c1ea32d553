import type { LinkView } from './status-view.ts';

/**
 * An order in which supernodes that are near to each other (by round trip) are neighbours, as far as a chain can show that:
 * from each one on to the nearest that is left. Nobody says where on Earth it is, so there is no other map.
 */
export function ringOrder(count: number, links: readonly LinkView[]): number[] {
  const rttFrom = new Map<number, [number, number][]>();
  for (const { ends, rttMs } of links) {
    const [a, b] = ends;
    rttFrom.set(a, [...(rttFrom.get(a) ?? []), [b, rttMs]]);
    rttFrom.set(b, [...(rttFrom.get(b) ?? []), [a, rttMs]]);
  }
  const left = new Set(Array.from({ length: count }, (_, index) => index));
  const order: number[] = [];
  for (let at: number | undefined = 0; left.size > 0; ) {
    const here: number = at ?? left.values().next().value!;
    left.delete(here);
    order.push(here);
    const near = (rttFrom.get(here) ?? []).filter(([to]) => left.has(to)).sort((a, b) => a[1] - b[1]);
    at = near[0]?.[0];
  }
  return order;
}
