import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** Where this machine's IPv4 packets to the Internet go first, and the address they leave from. */
export interface DefaultGateway {
  gateway: string;
  localAddress: string;
}

/** RTF_UP and RTF_GATEWAY of <linux/route.h>. */
const UP_AND_GATEWAY = 0x3;

/**
 * The IPv4 default route of `/proc/net/route`, where addresses are hexadecimal numbers in the byte order of the
 * machine; the one with the lowest metric, as the kernel takes it.
 */
export function readDefaultRoute(text: string): { device: string; gateway: string } | null {
  const routes = text.split('\n').flatMap((line) => {
    const [device, destination, gateway, flags, , , metric, mask] = line.trim().split(/\s+/);
    const isDefault = destination === '00000000' && mask === '00000000';
    if (!isDefault || (Number.parseInt(flags!, 16) & UP_AND_GATEWAY) !== UP_AND_GATEWAY) return [];
    return [{ device: device!, gateway: addressOf(gateway!), metric: Number(metric) }];
  });
  const [best] = routes.sort((a, b) => a.metric - b.metric);
  return best === undefined ? null : { device: best.device, gateway: best.gateway };
}

/** Little-endian, as on every machine that Node has builds for except s390x. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex').reverse();
  return [...bytes].join('.');
}

/** Null without a default route, and on systems other than Linux, which tell it in ways not read here yet. */
export function findDefaultGateway(): DefaultGateway | null {
  let table: string;
  try {
    table = readFileSync('/proc/net/route', 'ascii');
  } catch {
    return null;
  }
  const route = readDefaultRoute(table);
  if (route === null) return null;
  const own = networkInterfaces()[route.device]?.find(
    ({ family, internal }) => family === 'IPv4' && !internal,
  );
  return own === undefined ? null : { gateway: route.gateway, localAddress: own.address };
}
