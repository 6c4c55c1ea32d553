import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { FRAME_MS, SAMPLE_RATE_HZ } from '../audio-format.ts';
import type { AudioSink } from '../sinks.ts';
import { type AudioProgram, PLAYBACK_LATENCY_MS } from './audio-program.ts';
import type { DeviceEvent } from './device-events.ts';
import { DevicePlace } from './device-place.ts';
import { DeviceProcess } from './device-process.ts';
import { type DeviceTrouble, troubleText } from './device-trouble.ts';
import { PlaybackFeed } from './playback-feed.ts';

/** Programs that do not say when they are ready: they have opened the device by then, ms. */
const READY_AFTER_MS = 150;
/** How often the kernel is asked what a program has read, in frames. */
const READ_CHECK_FRAMES = 5;
const BYTES_PER_MS = (SAMPLE_RATE_HZ * 2) / 1000;

export interface SpeakerOptions {
  program: AudioProgram;
  /** null for the default one. */
  device: string | null;
  onEvent(event: DeviceEvent): void;
  /** Everything that is played, for an echo canceller. */
  onPlayed?(frame: Int16Array): void;
}

/** Plays on a device; what comes while there is none is thrown away. It is tried again and again until it is closed. */
export class Speaker implements AudioSink {
  readonly #options: SpeakerOptions;
  readonly #process: DeviceProcess;
  readonly #place: DevicePlace;
  #child: ChildProcess | null = null;
  #feed: PlaybackFeed | null = null;
  #readBaseline: number | null = null;
  #frames = 0;

  constructor(options: SpeakerOptions) {
    this.#options = options;
    const { program, device } = options;
    const command = program.playback(device);
    const { placeWatch } = command;
    this.#place = new DevicePlace('speaker', device, placeWatch !== undefined);
    const life = {
      isWatched: program.readReport !== undefined,
      readyAfterMs: program.readyLine === null && placeWatch === undefined ? READY_AFTER_MS : null,
    };
    this.#process = new DeviceProcess(command, life, {
      onStart: (child) => {
        this.#child = child;
        this.#place.reset();
      },
      onLine: (line) => this.#handleLine(line),
      // There it plays from now on.
      onPlace: (name) => this.#handlePlace(name) && this.#process.noteSign(),
      onReady: () => this.#handleReady(),
      onLost: (trouble, isNews) => this.#handleLost(trouble, isNews),
    });
  }

  /** What waits between us and the ear on average, ms; null while it is not known. */
  get waitingMs(): number | null {
    return this.#feed?.waitingMs ?? null;
  }

  #handleLine(line: string): void {
    const { readyLine, readReport, deviceLine } = this.#options.program;
    const name = deviceLine?.exec(line)?.[1];
    if (name !== undefined) this.#handlePlace(name);
    const report = readReport?.(line) ?? null;
    if (readyLine?.test(line) || report !== null) this.#process.noteSign();
    if (report !== null) this.#feed?.handlePlayed(report.playedMs);
  }

  /** Whether it is on a device that is wanted; else it is ended. */
  #handlePlace(name: string | null): boolean {
    const isWanted = name !== null && this.#place.handleDevice(name);
    if (!isWanted) this.#process.noteGone();
    return isWanted;
  }

  #handleReady(): void {
    const { program } = this.#options;
    this.#readBaseline = program.isReadCounted ? bytesReadBy(this.#process.pid) : null;
    // What is reported includes the sound system's part; what was read does not.
    this.#feed = new PlaybackFeed(program.readReport === undefined ? FRAME_MS / 2 : PLAYBACK_LATENCY_MS);
    this.#tell('ready', null, `the speaker works (${program.tools.speaker})`);
  }

  wants(due: number): number {
    return this.#feed?.wants(due) ?? due;
  }

  write(frame: Int16Array): void {
    this.#options.onPlayed?.(frame);
    const stdin = this.#child?.stdin;
    if (this.#feed === null || stdin == null || !stdin.writable) return;
    if (this.#readBaseline !== null && this.#frames++ % READ_CHECK_FRAMES === 0)
      this.#checkRead(this.#readBaseline);
    const samples = this.#feed.handleFrame(frame, stdin.writableLength);
    if (samples !== null) stdin.write(bytesOf(samples));
  }

  #checkRead(baseline: number): void {
    const read = bytesReadBy(this.#process.pid);
    if (read !== null) this.#feed?.handlePlayed((read - baseline) / BYTES_PER_MS);
  }

  #handleLost(trouble: DeviceTrouble, isNews: boolean): void {
    this.#child = null;
    this.#feed = null;
    if (!isNews) return;
    const { program, device } = this.#options;
    this.#tell('lost', trouble, troubleText(trouble, 'speaker', program, device, this.#process.complaint));
  }

  #tell(state: DeviceEvent['state'], reason: DeviceTrouble | null, message: string): void {
    const { program, device, onEvent } = this.#options;
    onEvent({ device: 'speaker', state, program: program.name, name: device, reason, message });
  }

  async close(): Promise<void> {
    await this.#process.close();
  }
}

function bytesOf(samples: Int16Array): Buffer {
  const bytes = Buffer.allocUnsafe(samples.length * 2);
  for (let i = 0; i < samples.length; i++) bytes.writeInt16LE(samples[i]!, i * 2);
  return bytes;
}

/** What a process has read since it was started, files included; null where Linux does not say. */
function bytesReadBy(pid: number | undefined): number | null {
  if (pid === undefined) return null;
  try {
    const match = /^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'));
    return match === null ? null : Number(match[1]);
  } catch {
    return null;
  }
}
