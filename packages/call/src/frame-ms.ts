/** An audio frame, ms: one of Opus (RFC 6716, 2.1.4), one packet. */
export const FRAME_MS = 20;
