import type { AudioSource } from '../sources.ts';
import type { AudioProgram } from './audio-program.ts';
import { CaptureBuffer, type CaptureStats } from './capture-buffer.ts';
import type { DeviceEvent } from './device-events.ts';
import { DevicePlace } from './device-place.ts';
import { DeviceProcess } from './device-process.ts';
import { type DeviceTrouble, troubleText } from './device-trouble.ts';
import { type LevelRemark, LevelWatch } from './level-watch.ts';

/** Samples of a block: 10 ms, what echo cancellers and noise suppressors work on. */
const BLOCK_SAMPLES = 480;

/** A program that has not said by then which device it is on, some 200 ms, never will: its sound counts all the same. */
const MAX_UNPLACED_READS = 20;

const REMARKS: Record<LevelRemark, string> = {
  clipping: 'the microphone is too loud: it clips; turn its level down',
  silent: 'the microphone delivers nothing but silence: is it muted?',
};

export interface MicrophoneOptions {
  program: AudioProgram;
  /** null for the default one. */
  device: string | null;
  onEvent(event: DeviceEvent): void;
  /** Blocks go through here on their way, and come back by {@link Microphone.take}; straight through without it. */
  process?(block: Int16Array): void;
  /** Nobody hears it, or somebody does again. */
  onMuted?(on: boolean): void;
  /** It is closed: nothing comes any more. */
  onClose?(): Promise<void>;
}

/** Records from a device; silence while there is none. It is tried again and again until it is closed. */
export class Microphone implements AudioSource {
  readonly label: string;
  readonly isLive = true;
  readonly #options: MicrophoneOptions;
  readonly #buffer = new CaptureBuffer();
  readonly #levels = new LevelWatch();
  readonly #process: DeviceProcess;
  readonly #place: DevicePlace;
  /** Whether it gets known which device sound is of. */
  readonly #tellsPlace: boolean;
  #rest: Buffer = Buffer.alloc(0);
  /** The sound system has put us on another device. */
  #isElsewhere = false;
  #unplacedReads = 0;

  constructor(options: MicrophoneOptions) {
    this.#options = options;
    const { program, device } = options;
    this.label = device === null ? 'microphone' : `microphone ${device}`;
    const command = program.capture(device);
    this.#tellsPlace = program.deviceLine !== undefined || command.placeWatch !== undefined;
    this.#place = new DevicePlace('mic', device, command.placeWatch !== undefined);
    const life = { isWatched: true, readyAfterMs: null };
    this.#process = new DeviceProcess(command, life, {
      onStart: () => {
        this.#place.reset();
        this.#isElsewhere = false;
        this.#unplacedReads = 0;
      },
      isWanted: () => this.#isWanted(),
      onLine: (line) => this.#handleLine(line),
      onPlace: (name) => this.#handlePlace(name),
      onData: (bytes) => this.#handleData(bytes),
      onReady: () => this.#tell('ready', null, `the microphone works (${program.tools.mic})`),
      onLost: (trouble, isNews) => this.#handleLost(trouble, isNews),
    });
  }

  get stats(): Readonly<CaptureStats> {
    return this.#buffer.stats;
  }

  next(): Int16Array {
    return this.#buffer.pull();
  }

  isLate(due: number): boolean {
    return this.#buffer.isLate(due);
  }

  setMuted(on: boolean): void {
    this.#options.onMuted?.(on);
  }

  /** A block that has been processed. */
  take(block: Int16Array): void {
    this.#buffer.push(block);
  }

  #handleLine(line: string): void {
    const name = this.#options.program.deviceLine?.exec(line)?.[1];
    if (name !== undefined) this.#handlePlace(name);
  }

  #handlePlace(name: string | null): void {
    if (name !== null && this.#place.handleDevice(name)) return;
    this.#isElsewhere = true;
    this.#process.noteGone();
  }

  #isWanted(): boolean {
    if (this.#isElsewhere) return false;
    if (!this.#tellsPlace || this.#place.isKnown) return true;
    return ++this.#unplacedReads > MAX_UNPLACED_READS;
  }

  #handleData(bytes: Buffer): void {
    let data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    for (; data.length >= BLOCK_SAMPLES * 2; data = data.subarray(BLOCK_SAMPLES * 2))
      this.#handleBlock(samplesOf(data));
    this.#rest = Buffer.from(data);
  }

  #handleBlock(block: Int16Array<ArrayBuffer>): void {
    const remark = this.#levels.handle(block);
    if (remark !== null) this.#tell(remark, null, REMARKS[remark]);
    if (this.#options.process === undefined) this.take(block);
    else this.#options.process(block);
  }

  #handleLost(trouble: DeviceTrouble, isNews: boolean): void {
    this.#rest = Buffer.alloc(0);
    this.#buffer.reset();
    if (!isNews) return;
    const { program, device } = this.#options;
    this.#tell('lost', trouble, troubleText(trouble, 'mic', program, device, this.#process.complaint));
  }

  #tell(state: DeviceEvent['state'], reason: DeviceTrouble | null, message: string): void {
    const { program, device, onEvent } = this.#options;
    onEvent({ device: 'mic', state, program: program.name, name: device, reason, message });
  }

  async close(): Promise<void> {
    await Promise.all([this.#process.close(), this.#options.onClose?.()]);
  }
}

/** The first block of little-endian 16-bit samples, copied: blocks may begin at odd addresses. */
function samplesOf(data: Buffer): Int16Array<ArrayBuffer> {
  const block = new Int16Array(BLOCK_SAMPLES);
  for (let i = 0; i < BLOCK_SAMPLES; i++) block[i] = data.readInt16LE(i * 2);
  return block;
}
