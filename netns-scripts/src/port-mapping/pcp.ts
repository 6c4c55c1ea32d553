import type { MapRequest } from './nat-pmp.ts';

/** PCP (RFC 6887), opcode MAP for UDP over IPv4. All numbers are in network byte order. */

/** RFC 6887 section 7.4. */
export const PCP_SUCCESS = 0;

const VERSION = 2;
const MAP = 1;
const RESPONSE = 0x80;
const UDP = 17;
const LENGTH = 60;

/** ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
const V4_MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

export interface PcpMapRequest extends MapRequest {
  /** Where the request comes from: a server refuses it if a NAT is in between. */
  clientAddress: string;
  /** 12 bytes; whoever renews or deletes a mapping must know them. */
  nonce: Buffer;
}

/**
 * `02 01 0000 lifetime:32 client:128` (RFC 6887 section 7.1), then
 * `nonce:96 11 000000 inside:16 outside:16 outsideAddress:128` (section 11.1).
 */
export function pcpMapRequest(request: PcpMapRequest): Buffer {
  const packet = Buffer.alloc(LENGTH);
  packet.writeUInt8(VERSION, 0);
  packet.writeUInt8(MAP, 1);
  packet.writeUInt32BE(request.lifetimeS, 4);
  V4_MAPPED.copy(packet, 8);
  packet.set(request.clientAddress.split('.').map(Number), 20);
  request.nonce.copy(packet, 24);
  packet.writeUInt8(UDP, 36);
  packet.writeUInt16BE(request.insidePort, 40);
  packet.writeUInt16BE(request.outsidePort, 42);
  V4_MAPPED.copy(packet, 44); // and then 0.0.0.0: any address
  return packet;
}

export interface PcpMapResponse {
  result: number;
  /** How long the mapping, or the refusal, stands. */
  lifetimeS: number;
  epochS: number;
  nonce: Buffer;
  insidePort: number;
  outsidePort: number;
  outsideAddress: string;
}

/** `02 81 00 result:8 lifetime:32 epoch:32 0:96` (RFC 6887 section 7.2), then as in the request; null if it is not that. */
export function readPcpMap(packet: Buffer): PcpMapResponse | null {
  if (packet.length < LENGTH || packet[0] !== VERSION || packet[1] !== (MAP | RESPONSE)) return null;
  return {
    result: packet.readUInt8(3),
    lifetimeS: packet.readUInt32BE(4),
    epochS: packet.readUInt32BE(8),
    nonce: packet.subarray(24, 36),
    insidePort: packet.readUInt16BE(40),
    outsidePort: packet.readUInt16BE(42),
    outsideAddress: [...packet.subarray(56, 60)].join('.'),
  };
}
