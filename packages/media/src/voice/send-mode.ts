import { AUDIO_HEADER_BYTES, BLOCK_HEADER_BYTES, REPORT_BYTES } from '@overcall/wire';

/** How audio is sent: while it stays the same, so do the size of packets and the time between them. */
export interface SendMode {
  /** Frames of 20 ms in a packet. */
  frames: 1 | 2 | 3;
  opusBytes: number;
  /** Earlier packets that each packet repeats, and how many packets these are apart. */
  copies: number;
  spacing: number;
  /** Loss that in-band FEC is to be ready for, percent; 0: none, as in all modes that are used. */
  fecPct: number;
}

/** UDP, IPv4, and what is around a payload: 28 + 7 + 16 bytes. */
const OVERHEAD_BYTES = 51;

const plain = (frames: 1 | 2 | 3, opusBytes: number): SendMode => ({
  frames,
  opusBytes,
  copies: 0,
  spacing: 1,
  fecPct: 0,
});
const copied = (copies: number, opusBytes: number): SendMode => ({ ...plain(1, opusBytes), copies });

/**
 * Narrower and narrower, kbit/s on the wire with IP and UDP: 45.6, 35.4, 31.6, 23.6, 19.6, 16.6. Longer packets first, which cost delay and
 * not quality; 24 kbit/s of Opus down to the third, then 16, 12 and 9.
 */
export const NARROWING: readonly SendMode[] = [
  plain(1, 60),
  plain(2, 120),
  plain(3, 180),
  plain(3, 120),
  plain(3, 90),
  plain(3, 68),
];

/** Opus below this is not halved, bytes a frame: 6 kbit/s would be left. */
const HALVED_FROM_BYTES = 60;

/** The same size of packets at half the bitrate, and each repeats the one before; unchanged where little would be left. */
export function halved(mode: SendMode): SendMode {
  if (mode.opusBytes / mode.frames < HALVED_FROM_BYTES) return mode;
  const opusBytes = (mode.opusBytes - REPORT_BYTES) / 2 - BLOCK_HEADER_BYTES;
  return { ...mode, opusBytes, copies: 1 };
}

/**
 * Loss from which each protection is used. A copy of a frame is as good as the frame; in-band FEC takes 1 dB of distance from all frames (4.5 dB in packets of
 * 60 ms) to give back a few, so no mode asks for it (bench/voice/RESULTS.md). Two losses among the last hundred packets are enough for
 * a copy, one is not. One copy leaves 0.2% missing at the upper end of its range, two 0.05%, three 0.01% of 10%.
 */
const ONE_COPY_FROM = 0.015;
const TWO_COPIES_FROM = 0.045;
const THREE_COPIES_FROM = 0.08;
/** So much longer than by chance are losses in a row where they are bursts. */
const BURSTY_RATIO = 1.6;
const BURSTY_MIN = 2;
const BURSTY_FROM = 0.01;
/** Copies of bursts are at most so many packets apart: 120 ms. */
const MAX_SPACING = 6;

/** Strength of protection: the share of loss that asks for it, and how long losses last. */
export function protectionFor(lossShare: number, meanBurst: number): SendMode {
  const isBursty = meanBurst >= BURSTY_MIN && meanBurst * (1 - lossShare) >= BURSTY_RATIO;
  if (isBursty && lossShare >= BURSTY_FROM) {
    const spacing = Math.max(2, Math.min(MAX_SPACING, Math.round(0.8 * meanBurst)));
    return { frames: 1, opusBytes: 48, copies: 2, spacing, fecPct: 0 };
  }
  if (lossShare >= THREE_COPIES_FROM) return copied(3, 36);
  if (lossShare >= TWO_COPIES_FROM) return copied(2, 48);
  if (lossShare >= ONE_COPY_FROM) return copied(1, 60);
  return plain(1, 60);
}

/** Bytes of every payload in that mode. */
export function payloadBytesOf({ copies, opusBytes }: SendMode): number {
  if (copies === 0) return AUDIO_HEADER_BYTES + opusBytes;
  return AUDIO_HEADER_BYTES + REPORT_BYTES + (copies + 1) * (BLOCK_HEADER_BYTES + opusBytes);
}

/** kbit/s on the wire, IP and UDP headers included. */
export function wireKbitPerS(mode: SendMode): number {
  return ((payloadBytesOf(mode) + OVERHEAD_BYTES) * 8) / (mode.frames * 20);
}
