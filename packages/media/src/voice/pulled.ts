import type { Stretch } from './stretch-choice.ts';

/** What is to be played next. */
export type Pulled =
  /** Decode this, and bring it nearer to the delay that is wanted. */
  | { kind: 'frame'; opus: Uint8Array; stretch: Stretch }
  /**
   * A frame is given up: conceal 20 ms. `next` is what comes after the `gapFrames` that are missing, if it is there; its in-band
   * FEC may hold these.
   */
  | { kind: 'lost'; next: Uint8Array | null; gapFrames: number }
  /** The frame may still come: conceal 20 ms meanwhile, the delay grows by them. */
  | { kind: 'wait' }
  /** Nobody speaks: comfort noise for 20 ms. */
  | { kind: 'pause' }
  /** Playing has not begun, or stopped because nothing came for a while: silence. */
  | { kind: 'empty' };
