/** Longest packet of one 20 ms frame: TOC byte, frame of 1,275 bytes (RFC 6716, 3.2.1) and some padding. */
export const MAX_OPUS_BYTES = 1500;
const SAMPLE_RATE_HZ = 48_000;
const FRAME_SAMPLES = 960;

/** Samples (48 kHz) per frame of each TOC configuration: RFC 6716, table 2. */
function frameSamples(config: number): number {
  if (config < 12) return [480, 960, 1920, 2880][config & 3]!; // SILK
  if (config < 16) return [480, 960][config & 1]!; // hybrid
  return [120, 240, 480, 960][config & 3]!; // CELT
}

/**
 * Samples at 48 kHz that a packet decodes to, from its TOC and frame count (RFC 6716, 3.1 and 3.2); 0 for
 * one that no encoder makes.
 */
export function opusPacketSamples(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) return 0;
  const code = toc & 3;
  const count = code === 0 ? 1 : code === 3 ? (packet[1] ?? 0) & 63 : 2;
  const samples = count * frameSamples(toc >> 3);
  return samples * 1000 > 120 * SAMPLE_RATE_HZ ? 0 : samples;
}

/** Frames of 20 ms in a packet that we take: 1, 2 or 3; null for any other. */
export function opusPacketFrames(packet: Uint8Array): number | null {
  if (packet.length > MAX_OPUS_BYTES) return null;
  const frames = opusPacketSamples(packet) / FRAME_SAMPLES;
  return frames === 1 || frames === 2 || frames === 3 ? frames : null;
}

/**
 * Whether a packet of one Opus frame carries what was before it as in-band FEC (LBRR). The SILK layer opens with a voice
 * activity bit for each 20 ms and then the LBRR bit, each of even odds to the range coder and so readable as the top bits
 * of the frame (RFC 6716, 4.2.3 and 4.2.4). Hybrid packets of several frames are not looked into.
 */
export function opusCarriesFec(packet: Uint8Array): boolean {
  const toc = packet[0];
  if (toc === undefined || toc >> 3 >= 16) return false;
  const frames = opusPacketFrames(packet);
  if (frames === null || frameSamples(toc >> 3) !== frames * FRAME_SAMPLES) return false;
  const at = firstFrameOffset(packet);
  return at !== null && ((packet[at] ?? 0) & (0x80 >> frames)) !== 0;
}

/** Where the only frame of a code 0 or code 3 packet starts (RFC 6716, 3.2.2 and 3.2.5). */
function firstFrameOffset(packet: Uint8Array): number | null {
  const code = packet[0]! & 3;
  if (code === 0) return 1;
  if (code !== 3 || packet[1] === undefined) return null;
  let at = 2;
  if (packet[1] & 0x40) {
    // Length of the padding, which lies at the end: 255 means 254 and one more length byte.
    while (packet[at] === 255) at++;
    at++;
  }
  return at < packet.length ? at : null;
}
