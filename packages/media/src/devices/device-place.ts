import type { DeviceKind } from './audio-program.ts';

/** Sources that hear what a speaker plays are called so, by PipeWire too. */
export const isMonitorName = (name: string): boolean => name.endsWith('.monitor');

/**
 * Where a sound system has put us. When a device is unplugged it moves its programs to another one, and leaves them there when the
 * device is back: a microphone perhaps to what a speaker plays, so that the other side hears itself and whatever else this machine
 * plays. Pure.
 */
export class DevicePlace {
  readonly #kind: DeviceKind;
  readonly #wanted: string | null;
  readonly #fallsBack: boolean;
  #first: string | null = null;

  /**
   * @param wanted null for whichever is the default one
   * @param fallsBack whether the first one may be another already, where the one that is named is not there
   */
  constructor(kind: DeviceKind, wanted: string | null, fallsBack = false) {
    this.#kind = kind;
    this.#wanted = wanted;
    this.#fallsBack = fallsBack;
  }

  /** Whether it is known since the program was started. */
  get isKnown(): boolean {
    return this.#first !== null;
  }

  /** The program was started, again perhaps. */
  reset(): void {
    this.#first = null;
  }

  /** The sound system has put us on that device; whether this is one that was asked for. */
  handleDevice(name: string): boolean {
    this.#first ??= name;
    if (this.#wanted !== null) return name === (this.#fallsBack ? this.#wanted : this.#first);
    return this.#kind === 'speaker' || !isMonitorName(name);
  }
}
