import { viewOf } from '@overcall/wire';
import { addressFromBytes } from '../ip-address.ts';

/**
 * NAT-PMP (RFC 6886), UDP mappings only, big-endian. Requests go to port 5351 of the gateway.
 *
 * External address (section 3.2):
 *
 * | offset | bytes | request | response |
 * |---|---|---|---|
 * | 0 | 1 | version = 0 | version = 0 |
 * | 1 | 1 | opcode = 0 | opcode = 128 |
 * | 2 | 2 | | result |
 * | 4 | 4 | | seconds since the epoch of the gateway |
 * | 8 | 4 | | external IPv4 address |
 *
 * Mapping of a UDP port (section 3.3):
 *
 * | offset | bytes | request | response |
 * |---|---|---|---|
 * | 0 | 1 | version = 0 | version = 0 |
 * | 1 | 1 | opcode = 1 | opcode = 129 |
 * | 2 | 2 | 0 | result |
 * | 4 | 2, 4 | internal port (2) | seconds since the epoch of the gateway (4) |
 * | 6 | 2 | suggested external port | |
 * | 8 | 4, 2 | lifetime, s (4); 0 deletes | internal port (2) |
 * | 10 | 2 | | external port |
 * | 12 | 4 | | lifetime, s |
 *
 * An error may end after the epoch (section 3.5).
 */
export const GATEWAY_PORT = 5351;

/** Section 3.5. */
export const NatPmpResult = { Success: 0, UnsupportedVersion: 1 } as const;

const VERSION = 0;
const OPCODE_ADDRESS = 0;
const OPCODE_MAP_UDP = 1;
const RESPONSE = 128;
const HEADER_BYTES = 8;

export interface MapWish {
  insidePort: number;
  /** Would be welcome; 0 for any. */
  outsidePort: number;
  /** Seconds; 0 deletes the mapping. */
  lifetimeS: number;
}

export type NatPmpResponse =
  | { kind: 'address'; epochS: number; address: string }
  | { kind: 'mapped'; epochS: number; insidePort: number; outsidePort: number; lifetimeS: number }
  | { kind: 'refused'; of: 'address' | 'map'; epochS: number; result: number };

export function writeAddressRequest(): Uint8Array<ArrayBuffer> {
  return new Uint8Array([VERSION, OPCODE_ADDRESS]);
}

export function writeMapRequest({ insidePort, outsidePort, lifetimeS }: MapWish): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(12);
  const view = viewOf(datagram);
  datagram[1] = OPCODE_MAP_UDP;
  view.setUint16(4, insidePort);
  // Section 3.4: a request to delete suggests port 0.
  view.setUint16(6, lifetimeS === 0 ? 0 : outsidePort);
  view.setUint32(8, lifetimeS);
  return datagram;
}

/** Decodes a response; null for anything else. */
export function readNatPmpResponse(datagram: Uint8Array): NatPmpResponse | null {
  if (datagram.length < HEADER_BYTES || datagram[0] !== VERSION) return null;
  const view = viewOf(datagram);
  const of = kindOf(datagram[1]!);
  if (of === null) return null;
  const result = view.getUint16(2);
  const epochS = view.getUint32(4);
  if (result !== NatPmpResult.Success) return { kind: 'refused', of, epochS, result };
  if (of === 'address') {
    const address = addressFromBytes(datagram.subarray(8, 12));
    return address === null ? null : { kind: 'address', epochS, address };
  }
  if (datagram.length < 16) return null;
  return {
    kind: 'mapped',
    epochS,
    insidePort: view.getUint16(8),
    outsidePort: view.getUint16(10),
    lifetimeS: view.getUint32(12),
  };
}

function kindOf(opcode: number): 'address' | 'map' | null {
  if (opcode === RESPONSE + OPCODE_ADDRESS) return 'address';
  return opcode === RESPONSE + OPCODE_MAP_UDP ? 'map' : null;
}
