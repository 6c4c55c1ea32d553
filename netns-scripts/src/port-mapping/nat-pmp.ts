/** NAT-PMP (RFC 6886), UDP only. All numbers are in network byte order. */

/** RFC 6886 section 3.5. */
export const NAT_PMP_SUCCESS = 0;

/** `00 00` (RFC 6886 section 3.2). */
export const externalAddressRequest = (): Buffer => Buffer.alloc(2);

export interface MapRequest {
  insidePort: number;
  /** The outside port that is wished for. */
  outsidePort: number;
  /** 0 deletes the mapping. */
  lifetimeS: number;
}

/** `00 01 0000 inside:16 outside:16 lifetime:32` (RFC 6886 section 3.3). */
export function mapRequest({ insidePort, outsidePort, lifetimeS }: MapRequest): Buffer {
  const packet = Buffer.alloc(12);
  packet.writeUInt8(1, 1);
  packet.writeUInt16BE(insidePort, 4);
  packet.writeUInt16BE(lifetimeS === 0 ? 0 : outsidePort, 6);
  packet.writeUInt32BE(lifetimeS, 8);
  return packet;
}

export type NatPmpResponse =
  | { kind: 'address'; result: number; epochS: number; address: string }
  | {
      kind: 'map';
      result: number;
      epochS: number;
      insidePort: number;
      outsidePort: number;
      lifetimeS: number;
    };

/** `00 80 result:16 epoch:32 address:32`, `00 81 result:16 epoch:32 inside:16 outside:16 lifetime:32`; null if neither. */
export function readNatPmp(packet: Buffer): NatPmpResponse | null {
  if (packet.length < 12 || packet[0] !== 0) return null;
  const head = { result: packet.readUInt16BE(2), epochS: packet.readUInt32BE(4) };
  if (packet[1] === 0x80) return { kind: 'address', ...head, address: [...packet.subarray(8, 12)].join('.') };
  if (packet[1] !== 0x81 || packet.length < 16) return null;
  return {
    kind: 'map',
    ...head,
    insidePort: packet.readUInt16BE(8),
    outsidePort: packet.readUInt16BE(10),
    lifetimeS: packet.readUInt32BE(12),
  };
}
