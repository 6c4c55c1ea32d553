import Type, { type Static } from 'typebox';
import { Value } from 'typebox/value';
import { LabError } from '../errors.ts';
import { directionsOf } from './directions.ts';

const percent = (description: string) => Type.Number({ minimum: 0, maximum: 100, description });
/** Longer than any path that a call survives; it also bounds what the shaper has to hold. */
const milliseconds = (description: string) => Type.Number({ minimum: 0, maximum: 10_000, description });

const direction = {
  delayMs: Type.Optional(milliseconds('One way.')),
  jitterMs: Type.Optional(
    milliseconds('Added to or taken from the delay of each packet; never reorders the packets of one flow.'),
  ),
  jitter: Type.Optional(
    Type.Union([Type.Literal('uniform'), Type.Literal('normal')], {
      description:
        '"uniform" (the default): any value up to "jitterMs" either way; "normal": that is the standard deviation.',
    }),
  ),
  lossPct: Type.Optional(
    percent('Mean loss. Without "burst", packets are lost independently of each other.'),
  ),
  burst: Type.Optional(
    Type.Object(
      { meanLength: Type.Number({ minimum: 1, description: 'In packets of this direction.' }) },
      {
        additionalProperties: false,
        description: 'Loss in bursts (Gilbert model): in a burst every packet is lost.',
      },
    ),
  ),
  reorderPct: Type.Optional(
    percent('This share skips the delay, and so overtakes what went before (as in netem).'),
  ),
  duplicatePct: Type.Optional(percent('This share arrives twice.')),
  kbitPerS: Type.Optional(
    Type.Number({
      minimum: 1,
      maximum: 10_000_000,
      description: 'Bandwidth, counted in IP packets without the Ethernet header.',
    }),
  ),
  queueMs: Type.Optional(
    milliseconds('With "kbitPerS": what would wait longer than this for its turn is dropped. Default 200.'),
  ),
};

/** What a link does to packets in one direction. Without fields: nothing. */
export const LinkDirection = Type.Object(direction, { additionalProperties: false });

const only = (description: string) =>
  Type.Optional(Type.Object(direction, { additionalProperties: false, description }));

const link = {
  ...direction,
  up: only('From the node: its fields win over those that stand for both directions.'),
  down: only('To the node: its fields win over those that stand for both directions.'),
};

/** What a link does to packets: fields for both directions, and for each by itself. */
export const Link = Type.Object(link, { additionalProperties: false });

/** The link between a node (a host or a NAT) and whatever it stands behind. */
export const NodeLink = Type.Object(
  {
    node: Type.String({
      pattern: '^[a-z][a-z0-9-]{0,30}$',
      description: 'The host or NAT whose access link this is; of a NAT, it is that of everybody behind it.',
    }),
    ...link,
  },
  { additionalProperties: false },
);

export type LinkDirection = Static<typeof LinkDirection>;
export type Link = Static<typeof Link>;
export type NodeLink = Static<typeof NodeLink>;

type Bad = (where: string, what: string) => void;

/** What the schema cannot say about the links of a scenario. Calls `bad` for each mistake. */
export function checkLinks(links: readonly NodeLink[], names: ReadonlySet<string>, bad: Bad): void {
  const seen = new Set<string>();
  for (const [index, { node, ...link }] of links.entries()) {
    const where = `/links/${index}`;
    if (!names.has(node)) bad(`${where}/node`, `there is no node "${node}"`);
    if (seen.has(node)) bad(`${where}/node`, `"${node}" has a link already`);
    seen.add(node);
    checkLink(where, link, bad);
  }
}

/** A link that comes by itself, while the lab runs. @throws LabError `bad-scenario`, naming the field */
export function assertLink(input: unknown): asserts input is Link {
  const bad: Bad = (where, what) => {
    throw new LabError('bad-scenario', `link: ${where}: ${what}`);
  };
  const [first] = Value.Errors(Link, input);
  if (first?.keyword === 'boolean') bad(first.instancePath, 'unknown field');
  if (first) bad(first.instancePath || '/', first.message);
  checkLink('', input as Link, bad);
}

function checkLink(where: string, link: Link, bad: Bad): void {
  for (const [name, direction] of Object.entries(directionsOf(link))) {
    const at = link[name as 'up' | 'down'] === undefined ? where : `${where}/${name}`;
    checkDirection(direction, (field, what) => bad(`${at}/${field}`, what));
  }
}

function checkDirection(direction: LinkDirection, bad: Bad): void {
  const { delayMs = 0, jitterMs = 0, lossPct = 0, burst, reorderPct = 0, kbitPerS, queueMs } = direction;
  if (jitterMs > delayMs) bad('jitterMs', `is more than the delay (${delayMs} ms) that it varies`);
  if (direction.jitter !== undefined && jitterMs === 0) bad('jitter', 'needs "jitterMs"');
  if (reorderPct > 0 && delayMs === 0)
    bad('reorderPct', 'needs "delayMs": what is not delayed cannot be overtaken');
  if (queueMs !== undefined && kbitPerS === undefined) bad('queueMs', 'needs "kbitPerS"');
  if (burst === undefined) return;
  if (lossPct === 0 || lossPct === 100) bad('burst', 'needs "lossPct" between 0 and 100');
  // Independent loss has bursts already: of 1 / (1 - loss) packets in the mean.
  const least = 100 / (100 - lossPct);
  if (burst.meanLength < least)
    bad(
      'burst/meanLength',
      `at ${lossPct}% loss, random loss alone gives bursts of ${least.toFixed(2)} packets`,
    );
}
