import { randomBytes } from 'node:crypto';
import { ask } from './ask.ts';
import {
  externalAddressRequest,
  type MapRequest,
  mapRequest,
  NAT_PMP_SUCCESS,
  type NatPmpResponse,
  readNatPmp,
} from './nat-pmp.ts';
import { PCP_SUCCESS, pcpMapRequest, readPcpMap } from './pcp.ts';
import type { PortMappingProtocol } from './port-mapping-spec.ts';
import { PMP_PORT } from './server-config.ts';
import { findGateway, order } from './upnp-igd.ts';

/** What a server says: the outside endpoint, a refusal with the protocol's number for it, or nothing. */
export type Mapped =
  | { address: string; port: number; lifetimeS: number; epochS?: number }
  | { refused: number }
  | 'silence';

export interface Inside {
  /** Of the host that asks. */
  address: string;
  /** The inside address of the NAT. */
  gateway: string;
}

/** Maps a UDP port of this host, or deletes the mapping (`lifetimeS` 0); asked until `over` is aborted. */
export type Client = (inside: Inside, wish: MapRequest, over: AbortSignal) => Promise<Mapped>;

const natPmp: Client = async ({ gateway }, wish, over) => {
  const put = (packet: Buffer, kind: NatPmpResponse['kind']) => {
    const read = (data: Buffer) => {
      const answer = readNatPmp(data);
      return answer?.kind === kind ? answer : null;
    };
    return ask(packet, [gateway, PMP_PORT], read, over);
  };
  const outside = await put(externalAddressRequest(), 'address');
  if (outside?.kind !== 'address') return 'silence';
  if (outside.result !== NAT_PMP_SUCCESS) return { refused: outside.result };
  const mapped = await put(mapRequest(wish), 'map');
  if (mapped?.kind !== 'map') return 'silence';
  if (mapped.result !== NAT_PMP_SUCCESS) return { refused: mapped.result };
  const { outsidePort: port, lifetimeS, epochS } = mapped;
  return { address: outside.address, port, lifetimeS, epochS };
};

/** Deleting takes the nonce of the mapping (RFC 6887 section 11.1). */
const nonceByPort = new Map<number, Buffer>();

const pcp: Client = async ({ address, gateway }, wish, over) => {
  const nonce = nonceByPort.get(wish.insidePort) ?? randomBytes(12);
  nonceByPort.set(wish.insidePort, nonce);
  const read = (data: Buffer) => {
    const answer = readPcpMap(data);
    return answer?.nonce.equals(nonce) ? answer : null;
  };
  const packet = pcpMapRequest({ ...wish, clientAddress: address, nonce });
  const answer = await ask(packet, [gateway, PMP_PORT], read, over);
  if (answer === null) return 'silence';
  if (answer.result !== PCP_SUCCESS) return { refused: answer.result };
  const { outsideAddress, outsidePort: port, lifetimeS, epochS } = answer;
  return { address: outsideAddress, port, lifetimeS, epochS };
};

const upnpIgd: Client = async ({ address }, { insidePort, outsidePort, lifetimeS }, over) => {
  const gateway = await findGateway(over);
  if (gateway === null) return 'silence';
  const outside = await order(gateway, 'GetExternalIPAddress', {}, over);
  if ('error' in outside) return { refused: outside.error };
  const name = { NewRemoteHost: '', NewExternalPort: outsidePort, NewProtocol: 'UDP' };
  const rest = {
    NewInternalPort: insidePort,
    NewInternalClient: address,
    NewEnabled: 1,
    NewPortMappingDescription: 'nat-lab',
    NewLeaseDuration: lifetimeS,
  };
  const done =
    lifetimeS === 0
      ? await order(gateway, 'DeletePortMapping', name, over)
      : await order(gateway, 'AddPortMapping', { ...name, ...rest }, over);
  if ('error' in done) return { refused: done.error };
  return { address: outside.fields.NewExternalIPAddress ?? '', port: outsidePort, lifetimeS };
};

export const CLIENTS: Record<PortMappingProtocol, Client> = { 'upnp-igd': upnpIgd, 'nat-pmp': natPmp, pcp };
