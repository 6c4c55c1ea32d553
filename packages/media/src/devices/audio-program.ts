/** A device, as a program of the system names it. */
export interface AudioDevice {
  kind: DeviceKind;
  /** As `mic:NAME` and `speaker:NAME` take it. */
  name: string;
  description: string;
  isDefault: boolean;
  /** A source that hears what a speaker plays, and no microphone. */
  isMonitor: boolean;
}

export type DeviceKind = 'mic' | 'speaker';

/** Runs a program to its end; what it printed, null when it failed or is not there. It throws when that took too long. */
export type RunTool = (command: string, args: readonly string[]) => Promise<string | null>;

/** How far a playback program is. */
interface PlaybackReport {
  /** Heard by now, since the program began, ms. */
  playedMs: number;
}

/** How to start one: raw samples, 48 kHz mono 16-bit little-endian, on its stdout or stdin. */
export interface AudioCommand {
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** For a program that does not say itself which device it is on. */
  placeWatch?: PlaceWatch;
}

/** Runs beside a program, and says on its stdout which device that is on, whenever it is another one. */
interface PlaceWatch {
  command: string;
  args: string[];
  /** Reads its lines, one after the other: the device from now on, null for none any more; undefined where a line is about something else. */
  reader(): (line: string) => string | null | undefined;
}

/** A family of programs that record and play through one sound system. */
export interface AudioProgram {
  readonly name: 'pulse' | 'pipewire' | 'alsa' | 'ffmpeg' | 'sox';
  /** The program, and the Debian package that brings it. */
  readonly tools: Readonly<Record<DeviceKind, string>>;
  readonly debianPackage: string;
  /** Whether it is installed and there is something behind it. */
  isUsable(run: RunTool): Promise<boolean>;
  /** For one that is named and not looked for: whether it is worth trying, though nothing is known to be behind it. */
  isInstalled?(run: RunTool): Promise<boolean>;
  list(run: RunTool): Promise<AudioDevice[]>;
  /** Whether that is every device it knows, and which one is the default. */
  readonly listsAll: boolean;
  /** `device`: null for the default one. */
  capture(device: string | null): AudioCommand;
  playback(device: string | null): AudioCommand;
  /** What on stderr says that it plays from now on; null where nothing does. */
  readonly readyLine: RegExp | null;
  /** What on stderr names the device that it is on, at first and whenever the sound system moves it to another: its first group. */
  readonly deviceLine?: RegExp;
  /** Reads the report of a position out of a line of stderr. */
  readReport?(line: string): PlaybackReport | null;
  /** Whether what it has read is counted truly by the kernel (`/proc/PID/io`): not where it also reads event counters. */
  readonly isReadCounted: boolean;
}

/** What waits in the sound system, asked for explicitly, ms: the defaults are up to 2 s. */
export const CAPTURE_LATENCY_MS = 10;
export const PLAYBACK_LATENCY_MS = 60;
