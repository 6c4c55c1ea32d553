import { putUint16, uint16At } from './bytes.ts';

/**
 * What a media datagram carries once decrypted, big-endian. The first byte is the kind; an unknown kind is
 * ignored. Every packet of a call has the same size while the sender's way of sending stays the same, so that sizes say nothing.
 *
 * Audio (3 + n bytes): kind(1) = 1, frame number(2, low 16 bits, 20 ms units), Opus packet(n).
 *
 * Audio with a report, and perhaps earlier frames: kind(1) = 2, frame number(2), report(4), then blocks, then padding:
 *
 * | in a report | offset | bytes | field |
 * |---|---|---|---|
 * | | 0 | 1 | packets lost of what the other side sends, in units of 1/255; before copies and FEC are used |
 * | | 1 | 1 | mean number of packets lost in a row, in units of 1/10 |
 * | | 2 | 1 | how much later than the earliest packets come now, in units of 4 ms |
 * | | 3 | 1 | what arrives, IP and UDP headers of 28 bytes included, in units of 1 kbit/s; 0 when nothing was measured yet |
 *
 * A block: distance(1, in 20 ms units, from the frame number of the packet back), length(1), Opus packet(length). The block with
 * distance 0 is the audio of the packet itself, and the last.
 *
 * Pause (7 bytes): kind(1) = 4, frame number(2), report(4). Nothing is said from this frame on, until audio comes again; repeated
 * meanwhile. Only from those who asked for it (DTX): it shows when somebody speaks.
 *
 * Bye (1 byte and padding): kind(1) = 3. Hang-up, repeated over the media path for when control is gone.
 */
export const MediaKind = { Audio: 1, AudioWithReport: 2, Bye: 3, Pause: 4 } as const;
export const AUDIO_HEADER_BYTES = 3;
export const REPORT_BYTES = 4;
export const PAUSE_BYTES = AUDIO_HEADER_BYTES + REPORT_BYTES;
/** While a pause lasts, a packet goes out each so many frames of 20 ms: it keeps paths alive, and silence is missed soon. */
export const PAUSE_EVERY_FRAMES = 5;
const NO_OPUS = new Uint8Array(0);
/** Before each Opus packet of a payload with a report. */
export const BLOCK_HEADER_BYTES = 2;
/** Earlier frames that are taken from one packet; more are ignored. */
const MAX_COPIES = 8;
const QUEUE_UNIT_MS = 4;

/** An earlier packet of Opus. */
export interface AudioBlock {
  /** Units of 20 ms, 1 to 255. */
  distance: number;
  opus: Uint8Array;
}

/** What the sender of it has seen of the other side's packets lately. */
export interface ReceptionReport {
  /** 0 to 1. */
  lossShare: number;
  /** Mean number of packets lost in a row; 0 without any. */
  meanBurst: number;
  queueMs: number;
  kbitPerS: number;
}

export interface AudioPayload {
  kind: typeof MediaKind.Audio;
  frameLow: number;
  /** Empty in a pause, which has a report. */
  opus: Uint8Array;
  /** Only with a report. */
  copies: readonly AudioBlock[];
  report: ReceptionReport | null;
}

interface ByePayload {
  kind: typeof MediaKind.Bye;
}

export type MediaPayload = AudioPayload | ByePayload;

/** Encodes a payload, padded with zeros to at least `minimumBytes` (audio without a report is never padded). */
export function writeMediaPayload(payload: MediaPayload, minimumBytes = 0): Uint8Array<ArrayBuffer> {
  if (payload.kind === MediaKind.Audio) return writeAudio(payload, minimumBytes);
  const bytes = new Uint8Array(Math.max(1, minimumBytes));
  bytes[0] = MediaKind.Bye;
  return bytes;
}

/** Bytes of audio with a report and blocks of these lengths. */
export const sizeWithReport = (blockBytes: readonly number[]): number =>
  blockBytes.reduce((sum, bytes) => sum + BLOCK_HEADER_BYTES + bytes, AUDIO_HEADER_BYTES + REPORT_BYTES);

function writeAudio(payload: AudioPayload, minimumBytes: number): Uint8Array<ArrayBuffer> {
  const { frameLow, opus, copies, report } = payload;
  if (opus.length === 0) return writePause(frameLow, report ?? NO_REPORT);
  if (report === null) {
    const bytes = new Uint8Array(AUDIO_HEADER_BYTES + opus.length);
    bytes[0] = MediaKind.Audio;
    putUint16(bytes, 1, frameLow);
    bytes.set(opus, AUDIO_HEADER_BYTES);
    return bytes;
  }
  const blocks = [...copies, { distance: 0, opus }];
  const size = sizeWithReport(blocks.map((block) => block.opus.length));
  const bytes = new Uint8Array(Math.max(size, minimumBytes));
  bytes[0] = MediaKind.AudioWithReport;
  putUint16(bytes, 1, frameLow);
  writeReport(bytes.subarray(AUDIO_HEADER_BYTES), report);
  let at = AUDIO_HEADER_BYTES + REPORT_BYTES;
  for (const block of blocks) {
    bytes[at] = block.distance;
    bytes[at + 1] = block.opus.length;
    bytes.set(block.opus, at + BLOCK_HEADER_BYTES);
    at += BLOCK_HEADER_BYTES + block.opus.length;
  }
  return bytes;
}

const NO_REPORT: ReceptionReport = { lossShare: 0, meanBurst: 0, queueMs: 0, kbitPerS: 0 };

function writePause(frameLow: number, report: ReceptionReport): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PAUSE_BYTES);
  bytes[0] = MediaKind.Pause;
  putUint16(bytes, 1, frameLow);
  writeReport(bytes.subarray(AUDIO_HEADER_BYTES), report);
  return bytes;
}

function writeReport(bytes: Uint8Array, { lossShare, meanBurst, queueMs, kbitPerS }: ReceptionReport): void {
  bytes[0] = toByte(lossShare * 255);
  bytes[1] = toByte(meanBurst * 10);
  bytes[2] = toByte(queueMs / QUEUE_UNIT_MS);
  bytes[3] = toByte(kbitPerS);
}

const toByte = (value: number): number => Math.max(0, Math.min(255, Math.round(value)));

/** Decodes a payload; null when its kind is unknown or it is too short. */
export function readMediaPayload(bytes: Uint8Array): MediaPayload | null {
  switch (bytes[0]) {
    case MediaKind.Audio: {
      if (bytes.length <= AUDIO_HEADER_BYTES) return null;
      const opus = bytes.subarray(AUDIO_HEADER_BYTES);
      return { kind: MediaKind.Audio, frameLow: uint16At(bytes, 1), opus, copies: [], report: null };
    }
    case MediaKind.AudioWithReport:
      return readWithReport(bytes);
    case MediaKind.Bye:
      return { kind: MediaKind.Bye };
    case MediaKind.Pause: {
      if (bytes.length < PAUSE_BYTES) return null;
      const frameLow = uint16At(bytes, 1);
      return { kind: MediaKind.Audio, frameLow, opus: NO_OPUS, copies: [], report: readReport(bytes) };
    }
    default:
      return null;
  }
}

function readWithReport(bytes: Uint8Array): AudioPayload | null {
  const copies: AudioBlock[] = [];
  for (let at = AUDIO_HEADER_BYTES + REPORT_BYTES; at + BLOCK_HEADER_BYTES < bytes.length; ) {
    const distance = bytes[at]!;
    const end = at + BLOCK_HEADER_BYTES + bytes[at + 1]!;
    if (end > bytes.length || bytes[at + 1] === 0) return null;
    const opus = bytes.subarray(at + BLOCK_HEADER_BYTES, end);
    if (distance === 0) {
      const frameLow = uint16At(bytes, 1);
      return { kind: MediaKind.Audio, frameLow, opus, copies, report: readReport(bytes) };
    }
    if (copies.length < MAX_COPIES) copies.push({ distance, opus });
    at = end;
  }
  return null;
}

function readReport(bytes: Uint8Array): ReceptionReport {
  const at = AUDIO_HEADER_BYTES;
  return {
    lossShare: bytes[at]! / 255,
    meanBurst: bytes[at + 1]! / 10,
    queueMs: bytes[at + 2]! * QUEUE_UNIT_MS,
    kbitPerS: bytes[at + 3]!,
  };
}
