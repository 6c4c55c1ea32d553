import { fileURLToPath } from 'node:url';
import { LAB_ADMIN } from '@overcall/harness';
import { firewallRules } from './firewall-rules.ts';
import type { Ground } from './ground.ts';
import { internetRules } from './internet-rules.ts';
import type { Link } from './links/link-spec.ts';
import { rebindRules, replaceNatRules } from './nat-rules.ts';
import { hiddenHosts, nat64Of } from './nat64/hidden-hosts.ts';
import { hiddenLines } from './nat64/setup-nat64.ts';
import { portMappingRules } from './port-mapping/server-config.ts';
import type { PortMappingServers } from './port-mapping/servers.ts';
import { type EventOf, gatewayOf, INTERNET, type LabEvent, type LabSpec, natNamed } from './spec.ts';
import {
  downlink,
  farEnd,
  type Node,
  nearEnd,
  neighboursOf,
  nodesOf,
  placeNumber,
  uplink,
  uplink4,
  waitForLinks,
  wire,
} from './wiring.ts';
import { hasIpv6, ipv6Switch } from './wiring6.ts';

/** A lab that stands, in the middle of its changes. */
export interface Standing {
  ground: Ground;
  /** As the scenario began. */
  original: LabSpec;
  /** Goes up with every rebind of a NAT. */
  nextGeneration: (nat: string) => number;
  /** Gives the link of a node another behaviour. */
  setLink: (node: string, link: Link) => Promise<void>;
  portMapping: PortMappingServers;
  /** Tells the translator of NAT64, if there is one, who stands where. */
  translate: (nodes: readonly Node[]) => Promise<void>;
}

const DRAIN = fileURLToPath(new URL('drain.pl', import.meta.url));

/** Makes happen what `applyToSpec` has put on paper. */
export async function carryOut(
  lab: Standing,
  before: LabSpec,
  after: LabSpec,
  event: LabEvent,
): Promise<void> {
  const { ground } = lab;
  switch (event.do) {
    case 'rebind': {
      const nat = natNamed(after, event.nat);
      const rules = rebindRules(nat, lab.nextGeneration(nat.name));
      await lab.portMapping.stop(nat.name);
      await ground.nft(nat.name, rules + portMappingRules(nat));
      return lab.portMapping.start(nat);
    }
    case 'renumber':
      return renumber(lab, before, after, event);
    case 'roam':
      return roam(lab, before, after, event);
    case 'block':
    case 'unblock':
      return ground.nft(INTERNET, internetRules(after));
    case 'kill':
      return ground.killAll(event.node);
    case 'freeze':
      return ground.freezeAll(event.node);
    case 'drain':
      return ground.run(event.node, `perl '${DRAIN}' ${LAB_ADMIN}`);
    case 'degrade':
      return lab.setLink(event.node, event.link);
    case 'heal':
      await ground.nft(INTERNET, internetRules(after));
      for (const { node, ...link } of lab.original.links ?? []) await lab.setLink(node, link);
  }
}

async function renumber(
  lab: Standing,
  before: LabSpec,
  after: LabSpec,
  event: EventOf<'renumber'>,
): Promise<void> {
  const nat = natNamed(after, event.nat);
  const nodes = nodesOf(after, lab.original);
  const place = nat.behind ?? INTERNET;
  const rules = replaceNatRules(nat, neighboursOf(nat, nodes), lab.nextGeneration(nat.name));
  const device = farEnd(nat, nodes);
  const old = natNamed(before, nat.name).address;
  await lab.portMapping.stop(nat.name);
  const outer = (after.nats ?? []).find(({ name }) => name === nat.behind);
  const oldAddress = `${old}/${outer ? gatewayOf(outer).prefixLength : 32}`;
  const allRules = rules + portMappingRules(nat);
  await ground(lab, nat.name, [`address del ${oldAddress} dev wan`, ...uplink4(nat, nodes)], allRules);
  const routes =
    place === INTERNET
      ? [`route del ${old}/32 dev ${device}`, `route add ${nat.address}/32 dev ${device}`]
      : [];
  await ground(lab, place, routes, rulesOfPlace(after, place));
  await lab.portMapping.start(nat);
}

async function roam(lab: Standing, before: LabSpec, after: LabSpec, event: EventOf<'roam'>): Promise<void> {
  const nodes = nodesOf(after, lab.original);
  const host = nodes.find(({ name }) => name === event.host)!;
  const place = host.behind ?? INTERNET;
  const was = before.hosts.find(({ name }) => name === event.host)!.behind ?? INTERNET;
  const batch = (node: string, commands: string[]) =>
    `ip -n ${node} -batch - <<'IP'\n${commands.join('\n')}\nIP`;
  await lab.ground.run(
    null,
    [
      `ip -n ${host.name} link delete ${nearEnd(host)}`,
      `nsenter --net=/run/netns/${host.name} sh -e <<'SH'\n${ipv6Switch(hasIpv6(host))}\nSH`,
      `ip ${wire(host, nodes)}`,
      batch(place, downlink(host, nodes)),
      batch(host.name, uplink(host, nodes)),
    ].join('\n'),
  );
  const nat64 = 'address6' in host && host.address6 !== undefined ? nat64Of(host, after.nats ?? []) : null;
  if (nat64) {
    const number = placeNumber(nat64.name, after.nats) - 1;
    await ground(lab, nat64.name, hiddenLines(hiddenHosts(nat64, nodes), number), '');
  }
  await lab.translate(nodes);
  for (const node of new Set([was, place])) await ground(lab, node, [], rulesOfPlace(after, node));
  await lab.ground.run(host.name, waitForLinks(host.name));
}

/** Where a node is attached, rules name its address. */
const rulesOfPlace = (spec: LabSpec, place: string): string =>
  (place === INTERNET ? internetRules(spec) : '') + firewallRules(spec, place);

function ground(lab: Standing, node: string, ip: string[], rules: string): Promise<void> {
  return lab.ground.run(node, `ip -batch - <<'IP'\n${ip.join('\n')}\nIP\nnft -f - <<'NFT'\n${rules}\nNFT`);
}
