/** Where the sound that is received goes: a file, a device, nowhere. */
export interface AudioSink {
  write(frame: Int16Array): void;
  close(): Promise<void>;
}
