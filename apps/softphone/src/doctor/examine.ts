import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { SupernodeEntry } from '@overcall/identity';
import {
  DeadlineTimer,
  localAddresses,
  monotonicMs,
  type PortMappingProtocols,
  UdpSocket,
} from '@overcall/net';
import { BindingQuery, formatAddressPort, parseAddressPort } from '@overcall/traversal';
import { discoveryServers, runDiscovery } from '../discovery/run-discovery.ts';
import { type Findings, PORT_MAPPING_UNKNOWN } from './findings.ts';
import { tryControl } from './try-control.ts';

/** Everything is measured at the same time, and what is not known by then is not known, ms. */
const LIMIT_MS = 1950;
/** Supernodes that are asked whether they are there, when there are more than two. */
const MAX_TRIED = 8;
const CHOOSING_LIMIT_MS = 400;

/** Asks the network in front of this machine which protocols open ports. */
export type ProbePortMapping = () => Promise<PortMappingProtocols>;

type Measured = Omit<Findings, 'directory' | 'supernodes' | 'mappingLifetime'>;

/** Measures this machine's network with the help of supernodes; `null` leaves the router alone. */
export async function examine(
  entries: readonly SupernodeEntry[],
  probePortMapping: ProbePortMapping | null,
): Promise<Measured> {
  const startedAtMs = monotonicMs();
  const limit = new Promise<null>((resolve) => setTimeout(() => resolve(null), LIMIT_MS).unref());
  const within = <T>(work: Promise<T>, otherwise: T): Promise<T> =>
    Promise.race([work.catch(() => otherwise), limit.then(() => otherwise)]);
  const [nat, control, ipv6, portMapping] = await Promise.all([
    measureNat(entries, limit),
    tryControl(entries, limit),
    measureIpv6(entries, limit),
    within(probePortMapping?.() ?? Promise.resolve(PORT_MAPPING_UNKNOWN), PORT_MAPPING_UNKNOWN),
  ]);
  return { ...nat, control, ipv6, portMapping, tookMs: Math.round(monotonicMs() - startedAtMs) };
}

async function measureNat(entries: readonly SupernodeEntry[], limit: Promise<null>) {
  const run = runDiscovery(await discoveryServers(await chosen(entries)));
  void limit.then(() => run.stop());
  const { tookMs: _, ...report } = await run.done;
  return { ...report, rttMs: report.rttMs === null ? null : Math.round(report.rttMs * 10) / 10 };
}

/** Those that answer first come first; two can be taken as they are. */
async function chosen(entries: readonly SupernodeEntry[]): Promise<readonly SupernodeEntry[]> {
  if (entries.length <= 2) return entries;
  const tried = entries.slice(0, MAX_TRIED);
  const limit = new Promise<null>((resolve) => setTimeout(() => resolve(null), CHOOSING_LIMIT_MS).unref());
  const answered = await ask('0.0.0.0', tried.flatMap(({ udp }) => udp).filter(isOf('ipv4')), 2, limit);
  const rank = ({ udp }: SupernodeEntry) => {
    const index = answered.findIndex(({ server }) => udp.includes(server));
    return index < 0 ? answered.length : index;
  };
  return [...tried].sort((a, b) => rank(a) - rank(b));
}

async function measureIpv6(
  entries: readonly SupernodeEntry[],
  limit: Promise<null>,
): Promise<Findings['ipv6']> {
  if (!localAddresses().some(({ family }) => family === 'ipv6')) return { works: 'no', publicAddress: null };
  const servers = entries.flatMap(({ udp }) => udp).filter(isOf('ipv6'));
  if (servers.length === 0) return { works: 'unknown', publicAddress: null };
  const [answer] = await ask('::', servers.slice(0, 3), 1, limit).catch(() => []);
  const mapped = answer === undefined ? null : parseAddressPort(answer.mapped);
  return { works: answer === undefined ? 'no' : 'yes', publicAddress: mapped?.address ?? null };
}

const isOf = (family: 'ipv4' | 'ipv6') => (text: string) => {
  const address = parseAddressPort(text)?.address;
  return address !== undefined && isIPv6(address) === (family === 'ipv6');
};

/** Asks servers where they see a new socket, until so many have answered, all have been asked in vain, or the limit. */
async function ask(
  bindAddress: string,
  servers: readonly string[],
  wanted: number,
  limit: Promise<unknown>,
): Promise<{ server: string; mapped: string }[]> {
  const answers: { server: string; mapped: string }[] = [];
  const over = Promise.withResolvers<void>();
  const query = new BindingQuery(servers, randomBytes, monotonicMs());
  const socket = await UdpSocket.bind({ address: bindAddress, port: 0 }, (datagram, source) => {
    const found = query.handleDatagram(formatAddressPort(source), datagram);
    if (found !== null && answers.push(found) >= wanted) over.resolve();
  });
  const timer = new DeadlineTimer(() => pump());
  const pump = () => {
    for (const { to, datagram } of query.poll(monotonicMs())) socket.send(datagram, parseAddressPort(to)!);
    if (query.isOver) over.resolve();
    else timer.set(query.deadline);
  };
  pump();
  await Promise.race([over.promise, limit]);
  timer.set(null);
  await socket.close();
  return answers;
}
