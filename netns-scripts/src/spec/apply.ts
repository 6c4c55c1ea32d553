import { LabError } from '../errors.ts';
import type { LabEvent } from './events.ts';
import type { DropSpec, NatSpec } from './nodes.ts';
import type { LabSpec } from './schema.ts';

/**
 * The network after an event, on paper. What does not show in a scenario (a rebind, a kill) changes nothing here.
 * @param original the scenario as it began, to which `heal` goes back
 * @throws LabError `unknown-node`, `bad-event`
 */
export function applyToSpec(spec: LabSpec, original: LabSpec, event: LabEvent): LabSpec {
  switch (event.do) {
    case 'rebind':
      natNamed(spec, event.nat);
      return spec;
    case 'renumber': {
      const { name } = natNamed(spec, event.nat);
      const moved = (nat: NatSpec) => (nat.name === name ? { ...nat, address: event.address } : nat);
      return { ...spec, nats: spec.nats!.map(moved) };
    }
    case 'roam': {
      if (!spec.hosts.some(({ name }) => name === event.host))
        throw new LabError('unknown-node', `there is no host "${event.host}"`);
      if (original.links?.some(({ node }) => node === event.host))
        throw new LabError(
          'bad-event',
          `"${event.host}" has a link of its own; give the link to its NAT instead`,
        );
      const { host, do: _, ...place } = event;
      const there = { name: host, ...place };
      return { ...spec, hosts: spec.hosts.map((node) => (node.name === host ? there : node)) };
    }
    case 'block':
      return { ...spec, drop: [...(spec.drop ?? []), dropOf(event)] };
    case 'unblock': {
      const rest = (spec.drop ?? []).filter((drop) => !sameDrop(drop, dropOf(event)));
      if (rest.length === (spec.drop ?? []).length)
        throw new LabError('bad-event', `nothing is blocked from "${event.from}" to "${event.to}" like that`);
      return { ...spec, drop: rest };
    }
    case 'kill':
    case 'freeze':
    case 'drain':
    case 'degrade':
      if (![...spec.hosts, ...(spec.nats ?? [])].some(({ name }) => name === event.node))
        throw new LabError('unknown-node', `there is no host or NAT "${event.node}"`);
      if (event.do === 'degrade' && !original.links?.some(({ node }) => node === event.node))
        throw new LabError('bad-event', `"${event.node}" has no entry in "links" that could be degraded`);
      return spec;
    case 'heal':
      return { ...spec, drop: original.drop ?? [] };
  }
}

export function natNamed(spec: LabSpec, name: string): NatSpec {
  const nat = (spec.nats ?? []).find((one) => one.name === name);
  if (!nat) throw new LabError('unknown-node', `there is no NAT "${name}"`);
  return nat;
}

const dropOf = ({ from, to, protocol, port }: DropSpec): DropSpec => ({
  from,
  to,
  ...(protocol === undefined ? {} : { protocol }),
  ...(port === undefined ? {} : { port }),
});

const sameDrop = (a: DropSpec, b: DropSpec): boolean =>
  a.from === b.from && a.to === b.to && a.protocol === b.protocol && a.port === b.port;
