import { isIPv4 } from 'node:net';

/** One end of a UDP flow. */
export interface End {
  address: string;
  port: number;
}

const ETHERNET = 14;
const IP = 20;
const UDP = 8;
/** Where the UDP payload of a frame begins. */
export const PAYLOAD = ETHERNET + IP + UDP;

const bytesOf = (address: string): Buffer => {
  if (!isIPv4(address)) throw new Error(`${address} is not IPv4`);
  return Buffer.from(address.split('.').map(Number));
};

/** An Ethernet frame with UDP over IPv4 (RFC 894, 791, 768), without a checksum of UDP. */
export function udpFrame(mac: string, from: End, to: End, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(PAYLOAD + payload.length);
  Buffer.from(mac.replaceAll(':', ''), 'hex').copy(frame, 0);
  frame.writeUInt16BE(0x0200, 6);
  frame.writeUInt16BE(0x0800, 12);
  const ip = frame.subarray(ETHERNET, ETHERNET + IP);
  ip[0] = 0x45;
  ip.writeUInt16BE(IP + UDP + payload.length, 2);
  ip.writeUInt16BE(0x4000, 6); // not to be fragmented
  ip[8] = 64;
  ip[9] = 17;
  bytesOf(from.address).copy(ip, 12);
  bytesOf(to.address).copy(ip, 16);
  ip.writeUInt16BE(checksum(ip), 10);
  frame.writeUInt16BE(from.port, ETHERNET + IP);
  frame.writeUInt16BE(to.port, ETHERNET + IP + 2);
  frame.writeUInt16BE(UDP + payload.length, ETHERNET + IP + 4);
  frame.set(payload, PAYLOAD);
  return frame;
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** To whom a frame goes, as text; null when it is not UDP. */
export function destinationOf(view: DataView, at: number): string | null {
  if (view.getUint8(at + 23) !== 17) return null;
  const address = [30, 31, 32, 33].map((offset) => view.getUint8(at + offset)).join('.');
  return `${address}:${view.getUint16(at + 36)}`;
}
