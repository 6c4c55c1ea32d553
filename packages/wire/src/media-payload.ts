import { viewOf } from './bytes.ts';

/**
 * What a media datagram carries once decrypted, big-endian. The first byte is the kind; an unknown kind is
 * ignored. Every kind is padded to the size of the audio of the call, so that sizes say nothing.
 *
 * Audio (3 + n bytes): kind(1) = 1, frame number(2, low 16 bits, 20 ms units), Opus packet(n).
 *
 * Report (25 bytes and padding): kind(1) = 2, sent at(4, ms on the sender's clock, low 32 bits),
 * echoed sent at(4), echo delay(4, ms between receiving that report and sending this one; 0xffffffff = nothing
 * to echo), packets received(4), packets lost(4), interarrival jitter(4, microseconds; RFC 3550, 6.4.1).
 *
 * Bye (1 byte and padding): kind(1) = 3. Hang-up, repeated over the media path for when control is gone.
 */
export const MediaKind = { Audio: 1, Report: 2, Bye: 3 } as const;
export const AUDIO_HEADER_BYTES = 3;
const REPORT_BYTES = 25;
const NOTHING_TO_ECHO = 0xffffffff;

export interface AudioPayload {
  kind: typeof MediaKind.Audio;
  frameLow: number;
  opus: Uint8Array;
}

export interface ReportPayload {
  kind: typeof MediaKind.Report;
  sentAtMs: number;
  echo: { sentAtMs: number; delayMs: number } | null;
  receivedPackets: number;
  lostPackets: number;
  jitterUs: number;
}

export interface ByePayload {
  kind: typeof MediaKind.Bye;
}

export type MediaPayload = AudioPayload | ReportPayload | ByePayload;

/** Encodes a payload, padded with zeros to at least `minimumBytes` (audio is never padded). */
export function writeMediaPayload(payload: MediaPayload, minimumBytes = 0): Uint8Array<ArrayBuffer> {
  switch (payload.kind) {
    case MediaKind.Audio: {
      const bytes = new Uint8Array(AUDIO_HEADER_BYTES + payload.opus.length);
      bytes[0] = MediaKind.Audio;
      viewOf(bytes).setUint16(1, payload.frameLow & 0xffff);
      bytes.set(payload.opus, AUDIO_HEADER_BYTES);
      return bytes;
    }
    case MediaKind.Report: {
      const bytes = new Uint8Array(Math.max(REPORT_BYTES, minimumBytes));
      const view = viewOf(bytes);
      view.setUint8(0, MediaKind.Report);
      view.setUint32(1, payload.sentAtMs >>> 0);
      view.setUint32(5, payload.echo ? payload.echo.sentAtMs >>> 0 : 0);
      view.setUint32(9, payload.echo ? payload.echo.delayMs >>> 0 : NOTHING_TO_ECHO);
      view.setUint32(13, payload.receivedPackets >>> 0);
      view.setUint32(17, payload.lostPackets >>> 0);
      view.setUint32(21, payload.jitterUs >>> 0);
      return bytes;
    }
    case MediaKind.Bye: {
      const bytes = new Uint8Array(Math.max(1, minimumBytes));
      bytes[0] = MediaKind.Bye;
      return bytes;
    }
  }
}

/** Decodes a payload; null when its kind is unknown or it is too short. */
export function readMediaPayload(bytes: Uint8Array): MediaPayload | null {
  if (bytes.length === 0) return null;
  const view = viewOf(bytes);
  switch (bytes[0]) {
    case MediaKind.Audio:
      if (bytes.length <= AUDIO_HEADER_BYTES) return null;
      return { kind: MediaKind.Audio, frameLow: view.getUint16(1), opus: bytes.subarray(AUDIO_HEADER_BYTES) };
    case MediaKind.Report: {
      if (bytes.length < REPORT_BYTES) return null;
      const delayMs = view.getUint32(9);
      return {
        kind: MediaKind.Report,
        sentAtMs: view.getUint32(1),
        echo: delayMs === NOTHING_TO_ECHO ? null : { sentAtMs: view.getUint32(5), delayMs },
        receivedPackets: view.getUint32(13),
        lostPackets: view.getUint32(17),
        jitterUs: view.getUint32(21),
      };
    }
    case MediaKind.Bye:
      return { kind: MediaKind.Bye };
    default:
      return null;
  }
}
