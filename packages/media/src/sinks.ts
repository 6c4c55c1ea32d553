/** Where the sound that is received goes: a file, a device, nowhere. */
export interface AudioSink {
  /**
   * How many of the frames that are due it takes; all of them without this. A speaker played on without us while we were held up,
   * and more than it can play soon would only be late for good.
   */
  wants?(due: number): number;
  write(frame: Int16Array): void;
  close(): Promise<void>;
}
