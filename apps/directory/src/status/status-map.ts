import { escaped, shortened } from './html.ts';
import { ringOrder } from './ring-order.ts';
import { loadText, rttText, STATE_TEXT } from './status-text.ts';
import type { LinkView, NodeView, StatusView } from './status-view.ts';

/** Supernodes on the map; the table has more. */
export const MAX_ON_MAP = 120;
/** With more than these, names stand like the rays of a star, only some links are drawn, and none is labelled. */
const FEW = 12;
const MAX_LABELLED_LINKS = 15;
/** Of many links the nearest of each supernode, and all that are not good. */
const NEAREST_DRAWN = 3;

const WIDTH = 900;
const HEIGHT = 560;
/** Where many names stand around the ring, it is a square. */
const SQUARE = 760;

interface Place {
  x: number;
  y: number;
  /** Of the ray from the middle, radians. */
  angle: number;
}

/** A ring of supernodes with their links, as SVG without a single style of its own: the page's policy forbids them. */
export function statusMap({ nodes, links }: StatusView): string {
  const shown = Math.min(nodes.length, MAX_ON_MAP);
  if (shown === 0) return '';
  const inside = links.filter(({ ends }) => ends[1] < shown);
  const isCrowded = shown > FEW;
  const [width, height] = isCrowded ? [SQUARE, SQUARE] : [WIDTH, HEIGHT];
  const places = placesOf(shown, inside, width, height, isCrowded);
  const drawn = isCrowded ? mostTelling(inside) : inside;
  const order = { good: 0, fair: 1, poor: 2 };
  const lines = [...drawn]
    .sort((a, b) => order[a.quality] - order[b.quality])
    .map((link) => lineOf(link, places, nodes, width, height));
  const labels =
    inside.length <= MAX_LABELLED_LINKS ? inside.map((link) => labelOf(link, places, width, height)) : [];
  const dots = nodes.slice(0, shown).map((node, index) => dotOf(node, places[index]!, isCrowded, width / 2));
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Supernodes and their links">
${[...lines, ...labels, ...dots].join('\n')}
</svg>`;
}

function placesOf(
  count: number,
  links: readonly LinkView[],
  width: number,
  height: number,
  isCrowded: boolean,
) {
  const places: Place[] = [];
  const [rx, ry] = isCrowded ? [width / 2 - 130, height / 2 - 130] : [width / 2 - 210, height / 2 - 60];
  ringOrder(count, links).forEach((index, position) => {
    const angle = (2 * Math.PI * position) / count - Math.PI / 2;
    const [x, y] = count === 1 ? [0, 0] : [rx * Math.cos(angle), ry * Math.sin(angle)];
    places[index] = { x: round(width / 2 + x), y: round(height / 2 + y), angle };
  });
  return places;
}

function mostTelling(links: readonly LinkView[]): LinkView[] {
  const drawn = new Set(links.filter(({ quality }) => quality !== 'good'));
  const drawnAt = new Map<number, number>();
  for (const link of [...links].sort((a, b) => a.rttMs - b.rttMs)) {
    if (link.ends.every((end) => (drawnAt.get(end) ?? 0) >= NEAREST_DRAWN)) continue;
    drawn.add(link);
    for (const end of link.ends) drawnAt.set(end, (drawnAt.get(end) ?? 0) + 1);
  }
  return [...drawn];
}

/** Bent towards the middle, so that lines along the ring do not run through others. */
function lineOf(
  link: LinkView,
  places: readonly Place[],
  nodes: readonly NodeView[],
  width: number,
  height: number,
) {
  const [a, b] = link.ends.map((end) => places[end]!) as [Place, Place];
  const { x, y } = bend(a, b, width, height);
  const names = link.ends.map((end) => nodes[end]!.name).join(' – ');
  const title = `${names}: ${rttText(link.rttMs)}, ${link.lossPct}% loss, R ${Math.round(link.r)} (${link.quality})`;
  return `<path class="link ${link.quality}" d="M${a.x} ${a.y}Q${x} ${y} ${b.x} ${b.y}"><title>${escaped(title)}</title></path>`;
}

function labelOf(
  { ends, rttMs, lossPct, quality }: LinkView,
  places: readonly Place[],
  width: number,
  height: number,
) {
  const [a, b] = ends.map((end) => places[end]!) as [Place, Place];
  const control = bend(a, b, width, height);
  // The middle of a quadratic curve.
  const [x, y] = [round((a.x + 2 * control.x + b.x) / 4), round((a.y + 2 * control.y + b.y) / 4)];
  const text = lossPct > 0 ? `${rttText(rttMs)}, ${lossPct}%` : rttText(rttMs);
  return `<text class="rtt ${quality}" x="${x}" y="${y}" dy="4" text-anchor="middle">${text}</text>`;
}

/** How far lines are bent to the middle, of the way there; the square is for crowded rings. */
const BEND = 0.3;
const CROWDED_BEND = 0.5;
function bend(a: Place, b: Place, width: number, height: number): { x: number; y: number } {
  const [x, y] = [(a.x + b.x) / 2, (a.y + b.y) / 2];
  const by = width === SQUARE ? CROWDED_BEND : BEND;
  return { x: round(x + by * (width / 2 - x)), y: round(y + by * (height / 2 - y)) };
}

function dotOf(node: NodeView, { x, y, angle }: Place, isCrowded: boolean, middle: number): string {
  const radius = isCrowded ? 6 : 13;
  const title = `${node.name}: ${STATE_TEXT[node.state]}, load ${loadText(node.load)}`;
  const name = escaped(shortened(node.name, isCrowded ? 16 : 22));
  const dot = `<circle class="node ${node.state} load${node.load ?? ''}" cx="${x}" cy="${y}" r="${radius}"/>`;
  return `<g><title>${escaped(title)}</title>${dot}${isCrowded ? rayName(name, x, y, angle, radius) : sideName(name, x, y, radius, middle)}</g>`;
}

function sideName(name: string, x: number, y: number, radius: number, middle: number): string {
  const isMiddle = Math.abs(x - middle) < 20;
  const [dx, dy, anchor] = isMiddle
    ? [0, y < HEIGHT / 2 ? -radius - 12 : radius + 24, 'middle']
    : x < middle
      ? [-radius - 10, 5, 'end']
      : [radius + 10, 5, 'start'];
  return `<text class="name" x="${x}" y="${y}" dx="${dx}" dy="${dy}" text-anchor="${anchor}">${name}</text>`;
}

function rayName(name: string, x: number, y: number, angle: number, radius: number): string {
  const degrees = round((angle * 180) / Math.PI);
  const isLeft = Math.cos(angle) < -1e-9;
  const [turn, dx, anchor] = isLeft ? [degrees + 180, -radius - 6, 'end'] : [degrees, radius + 6, 'start'];
  return `<text class="name small" x="${x}" y="${y}" dx="${dx}" dy="4" text-anchor="${anchor}" transform="rotate(${turn} ${x} ${y})">${name}</text>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;
