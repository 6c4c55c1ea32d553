import { hiddenAddressOf, nat64Of } from '../nat64/hidden-hosts.ts';
import { insideProblem } from './addresses.ts';
import { address6Problem, inside6Problem, network6Problem, overlap6 } from './addresses6.ts';
import type { LabSpec } from './schema.ts';

type Report = (field: string, message: string | null) => void;

/** Mistakes in the IPv6 part of a network whose IPv4 part is right. */
export function checkIpv6(spec: LabSpec, report: Report): void {
  checkRouters(spec, report);
  checkHosts(spec, report);
  checkHidden(spec, report);
}

function checkRouters(spec: LabSpec, report: Report): void {
  const nats = spec.nats ?? [];
  for (const [index, nat] of nats.entries()) {
    const where = `/nats/${index}`;
    const { inside6, firewall6, nat64 } = nat;
    if (inside6 === undefined) {
      if (firewall6 !== undefined) report(`${where}/firewall6`, 'needs "inside6"');
      if (nat64) report(`${where}/nat64`, 'needs "inside6"');
      continue;
    }
    const problem = network6Problem(inside6);
    report(`${where}/inside6`, problem);
    const outer = nats.find(({ name }) => name === nat.behind);
    if (outer && outer.inside6 === undefined)
      report(`${where}/inside6`, `"${outer.name}", which it is behind, has no "inside6": it carries no IPv6`);
    for (const other of problem === null ? nats.slice(0, index) : [])
      if (other.inside6 !== undefined && network6Problem(other.inside6) === null)
        if (overlap6(inside6, other.inside6))
          report(`${where}/inside6`, `${inside6} overlaps with that of "${other.name}"`);
  }
}

function checkHosts(spec: LabSpec, report: Report): void {
  const nats = (spec.nats ?? []).filter(
    ({ inside6 }) => inside6 === undefined || network6Problem(inside6) === null,
  );
  const taken = new Set<string>();
  for (const [index, { address6, behind }] of spec.hosts.entries()) {
    const where = `/hosts/${index}/address6`;
    if (address6 === undefined) continue;
    const problem = address6Problem(address6);
    report(where, problem);
    if (problem !== null) continue;
    if (taken.has(address6)) report(where, `${address6} is taken`);
    taken.add(address6);
    const nat = nats.find(({ name }) => name === behind);
    if (nat) report(where, inside6Problem(address6, nat));
    if (behind !== undefined) continue;
    for (const { name, inside6 } of nats)
      if (inside6 !== undefined && overlap6(address6, inside6))
        report(where, `${address6} is in ${inside6}, the IPv6 network inside "${name}"`);
  }
}

/** Whether there is room for the IPv4 addresses that hosts behind a NAT64 have there. */
function checkHidden(spec: LabSpec, report: Report): void {
  const nats = spec.nats ?? [];
  for (const [index, host] of spec.hosts.entries()) {
    const nat = host.address6 === undefined ? null : nat64Of(host, nats);
    if (nat === null) continue;
    const hidden = hiddenAddressOf(nat, index);
    const where = `/nats/${nats.indexOf(nat)}/inside`;
    if (insideProblem(hidden, nat) !== null)
      report(where, `${nat.inside} has no room for the IPv4 address that NAT64 needs for "${host.name}"`);
    for (const node of [...spec.hosts, ...nats])
      if (node.behind === nat.name && node.address === hidden)
        report(where, `${hidden}, the address of "${node.name}", is what NAT64 needs for "${host.name}"`);
  }
}
