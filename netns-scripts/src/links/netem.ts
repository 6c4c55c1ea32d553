import { impossible } from '../check.ts';
import type { Lack } from '../check-machine.ts';
import { noNetem } from '../check-machine.ts';
import { LabError } from '../errors.ts';
import type { Ground } from '../ground.ts';
import { INTERNET, type LabSpec } from '../spec.ts';
import { farEnd, nearEnd, nodesOf } from '../wiring.ts';
import { DEFAULT_QUEUE_MS, directionsOf } from './directions.ts';
import type { Link, LinkDirection } from './link-spec.ts';

/** netem counts what it holds in packets: as many as there may be, unless a bandwidth sets an end to the queue. */
const LIMIT = 100_000;
/** Of a call, with IP header. */
const CALL_PACKET_BYTES = 128;
const ETHERNET_HEADER_BYTES = 14;

/** Whether LAB_LINKS asks for links made by the kernel. @throws LabError `lab-impossible` if it has none */
export async function isNetemAskedFor(env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const { LAB_LINKS: links = 'user' } = env;
  if (links !== 'user' && links !== 'netem')
    throw new LabError('bad-scenario', `LAB_LINKS is "${links}"; it may be "user" (the default) or "netem"`);
  if (links === 'user') return false;
  const lack: Lack | null = await noNetem();
  if (lack) throw impossible({ ...lack, reason: `LAB_LINKS=netem: ${lack.reason}` });
  return true;
}

/** One direction of a link as arguments of `tc qdisc replace dev DEVICE root` (tc-netem(8)). */
export function netemArguments(direction: LinkDirection): string[] {
  const { delayMs = 0, jitterMs = 0, jitter, lossPct = 0, burst, reorderPct, duplicatePct } = direction;
  const { kbitPerS, queueMs = DEFAULT_QUEUE_MS } = direction;
  const heldMs = delayMs + jitterMs + queueMs;
  const limit = kbitPerS ? Math.ceil((heldMs * kbitPerS) / (8 * CALL_PACKET_BYTES)) : LIMIT;
  return [
    ...['netem', 'limit', `${limit}`],
    ...(delayMs > 0 ? ['delay', `${delayMs}ms`] : []),
    ...(jitterMs > 0 ? [`${jitterMs}ms`] : []),
    ...(jitter === 'normal' ? ['distribution', 'normal'] : []),
    ...(lossPct > 0 ? lossArguments(lossPct, burst?.meanLength) : []),
    ...(duplicatePct ? ['duplicate', `${duplicatePct}%`] : []),
    ...(reorderPct ? ['reorder', `${reorderPct}%`] : []),
    ...(kbitPerS ? ['rate', `${kbitPerS}kbit`, `${-ETHERNET_HEADER_BYTES}`] : []),
  ];
}

/** The same two states as in loss-model.ts: what netem calls p enters a burst, r leaves it. */
function lossArguments(lossPct: number, meanBurstLength: number | undefined): string[] {
  if (meanBurstLength === undefined) return ['loss', 'random', `${lossPct}%`];
  const leavePct = 100 / meanBurstLength;
  const enterPct = (lossPct * leavePct) / (100 - lossPct);
  return ['loss', 'gemodel', `${enterPct.toFixed(4)}%`, `${leavePct.toFixed(4)}%`];
}

/** Gives the wire of a node another behaviour: each end delays and loses what it sends. */
export async function setNetem(
  ground: Ground,
  spec: LabSpec,
  original: LabSpec,
  name: string,
  link: Link,
): Promise<void> {
  const nodes = nodesOf(spec, original);
  const node = nodes.find((one) => one.name === name)!;
  const { up, down } = directionsOf(link);
  // Whole packets, as in cutWire: netem would lose and delay segments by the dozen.
  const script = (device: string, direction: LinkDirection) =>
    `ip link set dev ${device} gso_max_segs 1\ntc qdisc replace dev ${device} root ${netemArguments(direction).join(' ')}`;
  await ground.run(name, script(nearEnd(node), up));
  await ground.run(node.behind ?? INTERNET, script(farEnd(node, nodes), down));
}
