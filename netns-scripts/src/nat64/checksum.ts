/** The Internet checksum (RFC 1071), and how it follows a change without the rest of the packet (RFC 1624). */

/** Sum of 16-bit words; an odd last byte counts as the upper half of a word. */
export function sumOf(bytes: Buffer): number {
  let sum = 0;
  const whole = bytes.length & ~1;
  for (let at = 0; at < whole; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (whole < bytes.length) sum += bytes[whole]! << 8;
  return folded(sum);
}

function folded(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 0x10000);
  return rest;
}

export const checksumOf = (...sums: number[]): number => ~folded(sums.reduce((a, b) => a + b, 0)) & 0xffff;

/** The checksum of something in which words with the sum `before` have become words with the sum `after`. */
export const adjusted = (checksum: number, before: number, after: number): number =>
  checksumOf(~checksum & 0xffff, ~folded(before) & 0xffff, after);

/** The part of a pseudo-header that UDP, TCP and ICMPv6 sum up (RFC 768, 9293, 8200 section 8.1). */
export const pseudoSum = (source: Buffer, destination: Buffer, length: number, protocol: number): number =>
  folded(sumOf(source) + sumOf(destination) + length + protocol);

/** Of struct virtio_net_hdr: flags at 0, segmentation at 1, where the sum begins at 6, where it belongs at 8. */
const NEEDS_CHECKSUM = 1;

/**
 * Fills in the checksum of a frame that the kernel left to the network card. Returns false for what is no single
 * packet (segmentation left to the card).
 */
export function completeChecksum(virtioHeader: Buffer, frame: Buffer): boolean {
  if (virtioHeader[1] !== 0) return false;
  if ((virtioHeader[0]! & NEEDS_CHECKSUM) === 0) return true;
  const start = virtioHeader.readUInt16LE(6);
  const field = start + virtioHeader.readUInt16LE(8);
  if (field + 2 > frame.length) return false;
  frame.writeUInt16BE(checksumOf(sumOf(frame.subarray(start))) || 0xffff, field);
  return true;
}
