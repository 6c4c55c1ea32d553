import { viewOf } from '@overcall/wire';
import { addressBytes, addressFromBytes } from '../ip-address.ts';
import type { MapWish } from './nat-pmp-message.ts';

/**
 * PCP (RFC 6887), opcode MAP for UDP, big-endian, to the same port as NAT-PMP:
 *
 * | offset | bytes | request (7.1, 11.1) | response (7.2, 11.1) |
 * |---|---|---|---|
 * | 0 | 1 | version = 2 | version = 2 |
 * | 1 | 1 | opcode = 1 | 128 + opcode |
 * | 2 | 1 | 0 | 0 |
 * | 3 | 1 | 0 | result |
 * | 4 | 4 | lifetime, s; 0 deletes | lifetime of the mapping, or of the refusal, s |
 * | 8 | 16, 4 | address of the client (16) | seconds since the epoch of the gateway (4), zeros (12) |
 * | 24 | 12 | nonce: who renews or deletes must know it | the same |
 * | 36 | 1 | protocol = 17 | the same |
 * | 37 | 3 | 0 | 0 |
 * | 40 | 2 | internal port | the same |
 * | 42 | 2 | suggested external port | external port |
 * | 44 | 16 | suggested external address | external address |
 *
 * IPv4 addresses are IPv4-mapped ones (section 5). Options may follow; none is asked for.
 */
export const PCP_NONCE_BYTES = 12;

const VERSION = 2;
const OPCODE_MAP = 1;
const RESPONSE = 0x80;
const UDP = 17;
const HEADER_BYTES = 24;
const MAP_BYTES = 60;
/** Section 7: no message is longer. */
const MAX_BYTES = 1100;

export interface PcpMapWish extends MapWish {
  /** Where the request comes from; a gateway refuses it when a NAT in between changed that. */
  clientAddress: string;
  nonce: Uint8Array;
}

export type PcpResponse =
  | {
      kind: 'mapped';
      epochS: number;
      nonce: Uint8Array;
      insidePort: number;
      outsidePort: number;
      outsideAddress: string;
      lifetimeS: number;
    }
  | { kind: 'refused'; epochS: number; result: number };

export function writePcpMapRequest(wish: PcpMapWish): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(MAP_BYTES);
  const view = viewOf(datagram);
  datagram[0] = VERSION;
  datagram[1] = OPCODE_MAP;
  view.setUint32(4, wish.lifetimeS);
  datagram.set(mappedBytes(wish.clientAddress), 8);
  datagram.set(wish.nonce, HEADER_BYTES);
  datagram[36] = UDP;
  view.setUint16(40, wish.insidePort);
  // Section 15.1: a request to delete suggests nothing.
  view.setUint16(42, wish.lifetimeS === 0 ? 0 : wish.outsidePort);
  datagram.set(mappedBytes('0.0.0.0'), 44);
  return datagram;
}

/** Decodes a response to MAP; null for anything else. */
export function readPcpResponse(datagram: Uint8Array): PcpResponse | null {
  if (datagram.length < HEADER_BYTES || datagram.length > MAX_BYTES || datagram.length % 4 !== 0) return null;
  if (datagram[0] !== VERSION || datagram[1] !== RESPONSE + OPCODE_MAP) return null;
  const view = viewOf(datagram);
  const epochS = view.getUint32(8);
  const result = datagram[3]!;
  if (result !== 0) return { kind: 'refused', epochS, result };
  if (datagram.length < MAP_BYTES || datagram[36] !== UDP) return null;
  const outsideAddress = addressFromBytes(datagram.subarray(44, MAP_BYTES));
  if (outsideAddress === null) return null;
  return {
    kind: 'mapped',
    epochS,
    nonce: datagram.slice(HEADER_BYTES, HEADER_BYTES + PCP_NONCE_BYTES),
    insidePort: view.getUint16(40),
    outsidePort: view.getUint16(42),
    outsideAddress,
    lifetimeS: view.getUint32(4),
  };
}

function mappedBytes(address: string): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes?.length !== 4) return bytes ?? new Uint8Array(16);
  return new Uint8Array([...new Uint8Array(10), 0xff, 0xff, ...bytes]);
}
