import { LabError } from '../errors.ts';
import { checkLinks } from '../links/link-spec.ts';
import { nat64Of } from '../nat64/hidden-hosts.ts';
import { portMappingProblem } from '../port-mapping/port-mapping-spec.ts';
import { addressProblem, insideProblem, networkProblem } from './addresses.ts';
import { applyToSpec } from './apply.ts';
import { callProblems } from './call.ts';
import { checkIpv6 } from './check6.ts';
import type { DropSpec, FirewallSpec, HostSpec, NatSpec } from './nodes.ts';
import type { LabSpec } from './schema.ts';
import { type Problem, shapeProblems } from './shape.ts';

/** The node in the middle, which forwards between everything public; commands can run there too. */
export const INTERNET = 'internet';

/** Every mistake in a scenario; none means that it is a {@link LabSpec}. */
export function problemsOf(input: unknown): Problem[] {
  const shape = shapeProblems(input);
  if (shape.length > 0) return shape; // the rest assumes the shape
  const spec = input as LabSpec;
  const network = networkProblems(spec);
  return network.length > 0
    ? network
    : [...programProblems(spec), ...callProblems(spec), ...eventProblems(spec)];
}

/** @throws LabError `bad-scenario`, naming every field that is wrong */
export function checkSpec(input: unknown): LabSpec {
  const problems = problemsOf(input);
  if (problems.length > 0)
    throw new LabError(
      'bad-scenario',
      problems.map(({ field, message }) => `scenario: ${field}: ${message}`).join('\n'),
    );
  return input as LabSpec;
}

type Report = (field: string, message: string | null) => void;

/** Mistakes in the network itself, without what happens in it. */
export function networkProblems(spec: LabSpec): Problem[] {
  const problems: Problem[] = [];
  const report: Report = (field, message) => {
    if (message !== null) problems.push({ field, message });
  };
  const nats = spec.nats ?? [];
  if (nats.length > MOST_NATS) report('/nats', `more than ${MOST_NATS} NATs`);
  for (const [index, nat] of nats.entries()) checkNat(`/nats/${index}`, nat, spec, report);
  if (problems.length === 0) {
    checkNodes(spec, report);
    if (problems.length === 0) checkIpv6(spec, report);
    for (const [index, drop] of (spec.drop ?? []).entries()) checkDrop(`/drop/${index}`, drop, spec, report);
    for (const [index, firewall] of (spec.firewalls ?? []).entries())
      checkFirewall(`/firewalls/${index}`, firewall, spec, report);
    checkLinks(spec.links ?? [], new Set(nodesOf(spec).map(({ node }) => node.name)), report);
  }
  return problems;
}

/** As many as have addresses to be proven at. */
const MOST_NATS = 120;

/** As many as one netlink message of an ordinary user can hold. */
const MOST_BLOCK_PORTS = 2048;

function checkNat(where: string, nat: NatSpec, spec: LabSpec, report: Report): void {
  if (typeof nat.ports === 'object' && 'block' in nat.ports) {
    const inside = nodesOf(spec).filter(({ node }) => node.behind === nat.name && node.address !== undefined);
    const hidden = spec.hosts.filter(
      (host) => host.address6 !== undefined && nat64Of(host, spec.nats ?? [])?.name === nat.name,
    );
    const blocks = inside.length + hidden.length + 1;
    if (blocks * nat.ports.block > MOST_BLOCK_PORTS)
      report(
        `${where}/ports`,
        `${blocks} blocks (one spare) of ${nat.ports.block} are more than ${MOST_BLOCK_PORTS} ports`,
      );
  }
  report(`${where}/inside`, networkProblem(nat.inside));
  if (nat.poisonable && (nat.mapping !== 'eim' || (nat.ports ?? 'preserve') !== 'preserve'))
    report(`${where}/poisonable`, 'needs "mapping": "eim" and "ports": "preserve", as a Linux router has');
  if (nat.portMapping && nat.nat64) report(`${where}/portMapping`, 'does not go together with "nat64"');
  if (nat.poisonable && nat.maxAgeS) report(`${where}/poisonable`, 'does not go together with "maxAgeS"');
  if (nat.hairpin && nat.maxAgeS) report(`${where}/hairpin`, 'does not go together with "maxAgeS"');
  const [field, message] = portMappingProblem(nat) ?? [];
  if (field !== undefined) report(`${where}/${field}`, message!);
}

function checkNodes(spec: LabSpec, report: Report): void {
  const natByName = new Map((spec.nats ?? []).map((nat) => [nat.name, nat]));
  const names = new Set([INTERNET, 'any']);
  const addresses = new Set<string>();
  for (const { node, where } of nodesOf(spec)) {
    if (names.has(node.name)) report(`${where}/name`, `"${node.name}" is taken`);
    names.add(node.name);
    const problem = node.address === undefined ? null : addressProblem(node.address);
    report(`${where}/address`, problem);
    if (problem !== null) continue;
    const key = `${node.behind ?? ''} ${node.address}`;
    if (node.address !== undefined && addresses.has(key))
      report(`${where}/address`, `${node.address} is taken`);
    addresses.add(key);
    if (node.behind !== undefined) checkBehind(where, node, natByName, report);
  }
}

const nodesOf = (spec: LabSpec): { node: HostSpec | NatSpec; where: string }[] => [
  ...spec.hosts.map((node, index) => ({ node, where: `/hosts/${index}` })),
  ...(spec.nats ?? []).map((node, index) => ({ node, where: `/nats/${index}` })),
];

function checkBehind(
  where: string,
  node: HostSpec | NatSpec,
  natByName: ReadonlyMap<string, NatSpec>,
  report: Report,
): void {
  const nat = natByName.get(node.behind!);
  if (!nat) {
    report(`${where}/behind`, `there is no NAT "${node.behind}"`);
    return;
  }
  const seen = new Set([node.name]);
  for (let up: NatSpec | undefined = nat; up; up = natByName.get(up.behind ?? '')) {
    if (seen.has(up.name)) {
      report(`${where}/behind`, 'the NATs stand behind each other in a circle');
      return;
    }
    seen.add(up.name);
  }
  if (node.address !== undefined) report(`${where}/address`, insideProblem(node.address, nat));
}

function checkDrop(where: string, drop: DropSpec, spec: LabSpec, report: Report): void {
  for (const end of ['from', 'to'] as const) {
    const known = nodesOf(spec).some(({ node }) => node.name === drop[end] && node.behind === undefined);
    if (drop[end] !== 'any' && !known) report(`${where}/${end}`, `"${drop[end]}" is not a public node`);
  }
  if (drop.port !== undefined && drop.protocol === undefined) report(`${where}/port`, 'needs "protocol"');
}

function checkFirewall(where: string, firewall: FirewallSpec, spec: LabSpec, report: Report): void {
  if (!nodesOf(spec).some(({ node }) => node.name === firewall.at))
    report(`${where}/at`, `there is no host or NAT "${firewall.at}"`);
  const withProxy = firewall.kind === 'http-connect-proxy';
  if (withProxy && !spec.hosts.some(({ name }) => name === firewall.proxy))
    report(where, '"proxy" must name the host that is the proxy');
  if (!withProxy && (firewall.proxy !== undefined || firewall.proxyPort !== undefined))
    report(where, `"${firewall.kind}" has no proxy`);
}

function programProblems(spec: LabSpec): Problem[] {
  const names = new Set([INTERNET, ...nodesOf(spec).map(({ node }) => node.name)]);
  const hosts = new Set(spec.hosts.map(({ name }) => name));
  return [
    ...(spec.programs ?? []).flatMap(({ on }, index) =>
      names.has(on) ? [] : [{ field: `/programs/${index}/on`, message: `there is no node "${on}"` }],
    ),
    ...(spec.expect ?? []).flatMap(({ between }, index) =>
      between
        .filter((name) => !hosts.has(name))
        .map((name) => ({ field: `/expect/${index}/between`, message: `there is no host "${name}"` })),
    ),
  ];
}

/** Plays the events through on paper, in their order: each must be possible in the network that it finds. */
function eventProblems(spec: LabSpec): Problem[] {
  const problems: Problem[] = [];
  let now = spec;
  const inOrder = [...(spec.events ?? []).entries()].sort(([, a], [, b]) => a.at - b.at);
  for (const [index, { at: _, ...event }] of inOrder) {
    try {
      now = applyToSpec(now, spec, event);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      problems.push({ field: `/events/${index}`, message: error.message });
      continue;
    }
    const [wrong] = networkProblems(now);
    if (wrong) return [...problems, { field: `/events/${index}`, message: wrong.message }];
  }
  return problems;
}
