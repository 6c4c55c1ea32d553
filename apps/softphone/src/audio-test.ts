import {
  type AudioSink,
  type AudioSource,
  checkDevice,
  chooseProgram,
  type DeviceEvent,
  type DeviceTrouble,
  FRAME_MS,
  FRAME_SAMPLES,
  FramePacer,
  findChirp,
  levelOf,
  Microphone,
  makeChirp,
  runTool,
  Speaker,
  samplesSource,
} from '@overcall/media';
import { monotonicMs } from '@overcall/net';
import { OvercallError } from '@overcall/wire';

/** How long devices may take to begin, ms. */
const READY_PATIENCE_MS = 8000;
/** Before the sweep, for both programs to settle, and how long it may take to come back, s. */
const SETTLE_S = 0.6;
const LOOP_S = 1.5;
/** Somebody may be talking into one, or a machine that stutters may break it. */
const SWEEPS = 3;
/** What was written last is still on its way, s. */
const TAIL_S = 0.3;

export interface AudioTestOptions {
  audioProgram: string;
  mic?: string;
  speaker?: string;
}

/** What to do where no sound system is found. */
export const INSTALL = 'start or install one';
const TOO_SLOW = new OvercallError('audio-device-missing', 'the devices do not begin to work', {
  remedy: 'try another program with --audio-program',
});
/** What to do next, where the message does not say it. */
const REMEDIES: Partial<Record<DeviceTrouble, string>> = {
  'server-gone': 'start it, or try another program with --audio-program',
  'device-gone': 'connect it again, or choose one that overcall audio devices shows',
  'device-busy': 'end that one, or choose another device: overcall audio devices shows them',
  'access-denied': 'let this user use it (group audio), or choose another device',
  stalled: 'connect it again, or try another program with --audio-program',
  ended: 'try another program with --audio-program',
};

function failureOf({ message, reason }: DeviceEvent): OvercallError {
  const remedy = reason === null ? undefined : REMEDIES[reason];
  return new OvercallError('audio-device-missing', message, remedy === undefined ? {} : { remedy });
}

/** Microphone and speaker on the clock of a call, without one. */
export class AudioTest {
  readonly #source: AudioSource;
  readonly #sink: AudioSink;
  readonly #ready = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #pacer = new FramePacer(monotonicMs());
  #recorded: Int16Array = new Int16Array(0);
  #isClosed = false;

  private constructor(
    open: (onEvent: (event: DeviceEvent) => void) => [AudioSource, AudioSink],
    report: (event: DeviceEvent) => void,
  ) {
    for (const { promise } of [this.#ready, this.#failed]) promise.catch(() => {});
    const working = new Set<string>();
    const timer = setTimeout(() => this.#failed.reject(TOO_SLOW), READY_PATIENCE_MS);
    timer.unref();
    [this.#source, this.#sink] = open((event) => {
      report(event);
      if (event.state === 'lost') this.#failed.reject(failureOf(event));
      if (event.state === 'ready') working.add(event.device);
      if (working.size < 2) return;
      clearTimeout(timer);
      this.#ready.resolve();
    });
  }

  /** Rejects when a device does not work (any more): then nothing it would say means anything. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** @throws OvercallError `audio-device-missing` */
  static async open(options: AudioTestOptions, report: (event: DeviceEvent) => void): Promise<AudioTest> {
    const { audioProgram, mic = null, speaker = null } = options;
    const program = await chooseProgram(audioProgram, 'mic', runTool, INSTALL);
    for (const [kind, device] of [['mic', mic] as const, ['speaker', speaker] as const])
      await checkDevice(program, kind, device, runTool, `connect one, or name one with --${kind}`);
    return new AudioTest(
      (onEvent) => [
        new Microphone({ program, device: mic, onEvent }),
        new Speaker({ program, device: speaker, onEvent }),
      ],
      report,
    );
  }

  /** Resolves when both work. */
  async ready(): Promise<void> {
    await this.#ready.promise;
    this.#pacer.due(monotonicMs());
  }

  /** From writing a sound to reading it, ms, this program's own buffers included; null when it was not heard. */
  async measureRoundTrip(): Promise<number | null> {
    await this.#run(null, SETTLE_S);
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      const delayMs = findChirp(await this.#run(makeChirp(), LOOP_S));
      if (delayMs !== null) return Number(delayMs.toFixed(1));
    }
    return null;
  }

  async record(seconds: number): Promise<ReturnType<typeof levelOf>> {
    this.#recorded = await this.#run(null, seconds);
    const { rmsDb, peakDb, clippedPct } = levelOf(this.#recorded);
    const rounded = (value: number | null) => (value === null ? null : Number(value.toFixed(1)));
    return { rmsDb: rounded(rmsDb), peakDb: rounded(peakDb), clippedPct: Number(clippedPct.toFixed(2)) };
  }

  async playBack(): Promise<void> {
    await this.#run(this.#recorded, this.#recorded.length / FRAME_SAMPLES / (1000 / FRAME_MS) + TAIL_S);
  }

  /** Plays `samples`, then silence, and gives what was heard in that time. */
  async #run(samples: Int16Array | null, seconds: number): Promise<Int16Array> {
    const playing = samplesSource(samples ?? new Int16Array(0), 'test');
    const frames = Math.ceil((seconds * 1000) / FRAME_MS);
    const heard = new Int16Array(frames * FRAME_SAMPLES);
    for (let frame = 0; frame < frames; ) {
      for (let due = this.#pacer.due(monotonicMs()); due > 0 && frame < frames; due--, frame++) {
        this.#source.isLate?.(due);
        this.#sink.write(playing.next() ?? new Int16Array(FRAME_SAMPLES));
        heard.set(this.#source.next() ?? new Int16Array(FRAME_SAMPLES), frame * FRAME_SAMPLES);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, this.#pacer.nextAt - monotonicMs())));
      if (this.#isClosed) throw new Error('the test was ended');
    }
    return heard;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#source.close?.(), this.#sink.close()]);
  }
}
