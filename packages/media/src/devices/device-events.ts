import type { DeviceKind } from './audio-program.ts';
import type { DeviceTrouble } from './device-trouble.ts';
import type { LevelRemark } from './level-watch.ts';

/** What happens to a microphone or speaker while it is in use. */
export interface DeviceEvent {
  device: DeviceKind;
  /**
   * `ready`: it works, again perhaps; `lost`: it does not, and is tried again; `unprocessed`: echo and noise are not taken
   * out. The others are remarks about its sound.
   */
  state: 'ready' | 'lost' | 'unprocessed' | LevelRemark;
  /** Which program drives it: `pulse`, ... */
  program: string;
  /** The device that was asked for; null for the default one. */
  name: string | null;
  /** Of `lost`. */
  reason: DeviceTrouble | null;
  /** For people. */
  message: string;
}
