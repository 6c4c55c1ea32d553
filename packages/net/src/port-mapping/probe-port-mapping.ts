import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  GATEWAY_PORT,
  readNatPmpResponse,
  readPcpResponse,
  writeAddressRequest,
  writePcpMapRequest,
} from '@overcall/traversal';
import type { DefaultGateway } from './default-gateway.ts';
import { gatewayFor } from './port-mapper.ts';
import { findDescription } from './ssdp.ts';

type Spoken = 'yes' | 'no' | 'unknown';
export type PortMappingProtocols = Record<'upnp' | 'natPmp' | 'pcp', Spoken>;

/** A request and its answer are on one link. Requests are sent three times within it. */
const PROBE_MS = 900;
const SEND_AT_MS = [0, 200, 500];
/** The discard port (RFC 863): to delete the mapping of a port that has none changes nothing. */
const NOBODYS_PORT = 9;

/**
 * Which protocols the default gateway of this machine answers; "unknown" where nobody can be asked. Maps nothing.
 * Takes a second at the most.
 */
export async function probePortMapping(): Promise<PortMappingProtocols> {
  const gateway = gatewayFor();
  if (gateway === null) return { upnp: 'unknown', natPmp: 'unknown', pcp: 'unknown' };
  const over = AbortSignal.timeout(PROBE_MS);
  const [location, pmp] = await Promise.all([findDescription(gateway, over), probePort(gateway, over)]);
  return { upnp: location === null ? 'no' : 'yes', ...pmp };
}

async function probePort(
  { gateway, localAddress }: DefaultGateway,
  over: AbortSignal,
): Promise<Pick<PortMappingProtocols, 'natPmp' | 'pcp'>> {
  const spoken: Pick<PortMappingProtocols, 'natPmp' | 'pcp'> = { natPmp: 'no', pcp: 'no' };
  const deletion = { insidePort: NOBODYS_PORT, outsidePort: 0, lifetimeS: 0 };
  const requests = [
    writeAddressRequest(),
    writePcpMapRequest({ ...deletion, clientAddress: localAddress, nonce: randomBytes(12) }),
  ];
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  const answered = new AbortController();
  socket.on('message', (datagram) => {
    if (readNatPmpResponse(datagram)?.kind === 'address' || isRefusal(datagram)) spoken.natPmp = 'yes';
    if (readPcpResponse(datagram) !== null) spoken.pcp = 'yes';
    if (spoken.natPmp === 'yes' && spoken.pcp === 'yes') answered.abort();
  });
  socket.bind(0, localAddress, () => socket.connect(GATEWAY_PORT, gateway));
  const send = () => {
    for (const each of requests) socket.send(each, () => {});
  };
  const timers = [] as NodeJS.Timeout[];
  socket.on('connect', () => timers.push(...SEND_AT_MS.map((ms) => setTimeout(send, ms))));
  const end = AbortSignal.any([over, answered.signal]);
  if (!end.aborted) await once(end, 'abort');
  for (const timer of timers) clearTimeout(timer);
  socket.close();
  return spoken;
}

/** It speaks NAT-PMP and has no outside address yet, say. */
function isRefusal(datagram: Uint8Array): boolean {
  const response = readNatPmpResponse(datagram);
  return response?.kind === 'refused' && response.of === 'address';
}
