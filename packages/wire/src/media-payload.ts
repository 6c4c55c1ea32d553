import { viewOf } from './bytes.ts';

/**
 * What a media datagram carries once decrypted, big-endian. The first byte is the kind; an unknown kind is
 * ignored. Every kind is padded to the size of the audio of the call, so that sizes say nothing.
 *
 * Audio (3 + n bytes): kind(1) = 1, frame number(2, low 16 bits, 20 ms units), Opus packet(n).
 *
 * Bye (1 byte and padding): kind(1) = 3. Hang-up, repeated over the media path for when control is gone.
 */
export const MediaKind = { Audio: 1, Bye: 3 } as const;
export const AUDIO_HEADER_BYTES = 3;

export interface AudioPayload {
  kind: typeof MediaKind.Audio;
  frameLow: number;
  opus: Uint8Array;
}

export interface ByePayload {
  kind: typeof MediaKind.Bye;
}

export type MediaPayload = AudioPayload | ByePayload;

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
    case MediaKind.Bye:
      return { kind: MediaKind.Bye };
    default:
      return null;
  }
}
