/** What {@link JitterBuffer.pull} gives the player for the next 20 ms. */
export type Pulled =
  /** Decode and play this. */
  | { kind: 'frame'; opus: Uint8Array }
  /**
   * Nothing came for this moment: conceal. `next` is the packet of the frame after, if it is there; its
   * in-band FEC may hold the lost frame.
   */
  | { kind: 'lost'; next: Uint8Array | null }
  /** Playing has not begun, or stopped because nothing came for a while: silence. */
  | { kind: 'empty' };

export interface JitterBufferStats {
  /** Frames that came after their moment and were dropped. */
  lateFrames: number;
  /** Frames that had come before. */
  duplicateFrames: number;
  /** Frames that were there and left out, to shorten a delay that had grown (clock drift, a better path). */
  skippedFrames: number;
  /** Moments of concealment put in to lengthen the delay again. */
  insertedFrames: number;
  /** Times the buffer began anew after a jump of the frame numbers. */
  resyncs: number;
}

/**
 * Puts frames back into order and evens out when they come. Pure: the caller passes a monotonic clock in,
 * `push`es every frame received under its full (extended) number, and `pull`s once every 20 ms.
 */
export interface JitterBuffer {
  push(frameNumber: number, opus: Uint8Array, nowMs: number): void;
  pull(nowMs: number): Pulled;
  /** How long frames have been waiting in here lately. */
  readonly playoutDelayMs: number;
  readonly stats: Readonly<JitterBufferStats>;
}
