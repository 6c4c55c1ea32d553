/** Audio as it came out of one packet. Numbers count frames of 20 ms and are whole ones, not the low bits of the wire. */
export interface ReceivedAudio {
  /** Of the first frame in `opus`. */
  number: number;
  /** Frames of 20 ms in `opus`, 1 to 3. */
  frames: number;
  opus: Uint8Array;
  /** Earlier frames that the packet repeats. */
  copies: readonly { number: number; frames: number; opus: Uint8Array }[];
  /** Whether `opus` also holds what was before it (in-band FEC). */
  hasFec: boolean;
}
