import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';
import type { DefaultGateway } from './default-gateway.ts';

/** UPnP Device Architecture 2.0, 1.2.1. */
const SSDP_GROUP = '239.255.255.250';
const SSDP_PORT = 1900;
/** The gateway is one hop away; what is sent to the group goes no further. */
const HOP_LIMIT = 1;
/** When the search is sent, ms: packets get lost on a Wi-Fi. */
const SEARCH_AT_MS = [0, 250, 750];
const MAX_RESPONSE_BYTES = 2048;

/** 1.3.2 and 1.3.3. Devices of version 2 answer for version 1, too. */
const SEARCH = [
  'M-SEARCH * HTTP/1.1',
  `HOST: ${SSDP_GROUP}:${SSDP_PORT}`,
  'MAN: "ssdp:discover"',
  'MX: 1',
  'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  '\r\n',
].join('\r\n');

/**
 * A URL at the gateway itself, spelled as an address: names could lead anywhere. `relativeTo` is where the text was
 * found. Null for every other one, so that nobody in the network makes us ask a third party.
 */
export function gatewayUrl(text: string, gateway: string, relativeTo?: string): URL | null {
  const url = URL.parse(text, relativeTo);
  if (url === null || url.protocol !== 'http:' || url.username !== '' || url.password !== '') return null;
  return isIP(url.hostname) === 4 && url.hostname === gateway ? url : null;
}

/** Where the gateway's description is, from its answer to a search (1.3.3); null when it is no such answer. */
export function readSearchResponse(datagram: Uint8Array, gateway: string): URL | null {
  if (datagram.length > MAX_RESPONSE_BYTES) return null;
  const [status, ...headers] = Buffer.from(datagram).toString('latin1').split('\r\n');
  if (!/^HTTP\/1\.[01] 200\b/.test(status!)) return null;
  const location = headers.map((line) => /^location:\s*(\S+)\s*$/i.exec(line)?.[1]).find((found) => found);
  return location === undefined ? null : gatewayUrl(location, gateway);
}

/**
 * Asks whether the gateway speaks UPnP: directly, and by multicast on its network alone, which some routers insist
 * on. Answers of anybody else are ignored. Null when `signal` ends it.
 */
export async function findDescription(
  { gateway, localAddress }: DefaultGateway,
  signal: AbortSignal,
): Promise<URL | null> {
  const socket = createSocket('udp4');
  const found = Promise.withResolvers<URL | null>();
  socket.on('error', () => found.resolve(null));
  socket.on('message', (datagram, { address }) => {
    const url = address === gateway ? readSearchResponse(datagram, gateway) : null;
    if (url !== null) found.resolve(url);
  });
  const stop = () => found.resolve(null);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  socket.bind(0, localAddress);
  const timers = SEARCH_AT_MS.map((ms) => setTimeout(() => search(socket, gateway, localAddress), ms));
  try {
    return await found.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    for (const timer of timers) clearTimeout(timer);
    socket.close();
    await once(socket, 'close');
  }
}

function search(socket: Socket, gateway: string, localAddress: string): void {
  const ignore = () => {};
  try {
    socket.setMulticastInterface(localAddress);
    socket.setMulticastTTL(HOP_LIMIT);
    socket.send(SEARCH, SSDP_PORT, gateway, ignore);
    socket.send(SEARCH, SSDP_PORT, SSDP_GROUP, ignore);
  } catch {
    // Not bound, or the address is gone: nobody will answer.
  }
}
