import ipaddr from 'ipaddr.js';
import { lastAddressOf } from '../spec/addresses.ts';
import type { HostSpec, NatSpec } from '../spec/nodes.ts';
import type { HiddenHost } from './address-map.ts';

type Node = HostSpec | NatSpec;

/** The NAT64 that serves a host: the first on its way out. */
export function nat64Of(host: Pick<HostSpec, 'behind'>, nats: readonly NatSpec[]): NatSpec | null {
  let { behind } = host;
  for (const _ of nats) {
    const nat = nats.find(({ name }) => name === behind);
    if (!nat || nat.nat64) return nat ?? null;
    behind = nat.behind;
  }
  return null; // they stand behind each other in a circle, which is reported elsewhere
}

/**
 * The IPv4 address in `inside` that a host with IPv6 has behind its NAT64, counted from the end of the network. It
 * depends on the place of the host in the scenario alone, so it outlives what happens to others.
 * @param index among the hosts; -1 for the one that the lab itself puts there
 */
export function hiddenAddressOf(nat: NatSpec, index: number): string {
  const last = Buffer.from(ipaddr.IPv4.parse(lastAddressOf(nat)).toByteArray()).readUInt32BE();
  const number = last - 1 - index;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

/** The hosts that a NAT64 translates for. @param nodes hosts, then NATs, then the lab's own hosts */
export function hiddenHosts(nat: NatSpec, nodes: readonly Node[]): (HiddenHost & { name: string })[] {
  if (!nat.nat64) return [];
  const nats = nodes.filter((node) => 'inside' in node);
  const firstNat = nodes.findIndex((node) => 'inside' in node);
  return nodes.flatMap((node, index) => {
    if ('inside' in node || node.address6 === undefined || nat64Of(node, nats) !== nat) return [];
    const address = hiddenAddressOf(nat, index < firstNat ? index : -1);
    return [{ name: node.name, address, address6: node.address6 }];
  });
}
