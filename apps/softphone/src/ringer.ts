import type { Logger } from '@overcall/cli';
import {
  type AudioSink,
  checkDevice,
  chooseProgram,
  FRAME_MS,
  FramePacer,
  parseSinkSpec,
  ringFrame,
  Speaker,
} from '@overcall/media';
import { DeadlineTimer, monotonicMs } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import type { AudioOptions } from './audio-options.ts';
import type { Softphone } from './softphone.ts';
import type { SoftphoneEvent } from './softphone-options.ts';

export interface RingerOptions {
  /** Opens what rings when somebody calls, and what whoever calls listens to. Null: there is no such device. */
  open: Record<'ring' | 'ringback', (() => AudioSink) | null>;
  /** Whether calls are answered by themselves: then there is nothing to ring for. */
  isAutomatic: boolean;
}

/** Rings on a speaker while a call comes in, and lets a caller hear that it rings elsewhere. The device is open only meanwhile. */
export class Ringer {
  readonly #options: RingerOptions;
  readonly #timer = new DeadlineTimer(() => this.#tick());
  #ringing: {
    callId: unknown;
    kind: 'ring' | 'ringback';
    sink: AudioSink;
    pacer: FramePacer;
    frames: number;
  } | null = null;

  constructor(options: RingerOptions) {
    this.#options = options;
  }

  /** Whether somebody hears that a call comes in. */
  get isRinging(): boolean {
    return this.#ringing?.kind === 'ring';
  }

  follow(softphone: Softphone): void {
    softphone.on('event', (event) => this.handleEvent(event));
    softphone.once('closed', () => this.stop());
  }

  handleEvent({ event, callId }: SoftphoneEvent): void {
    if (event === 'incoming' && !this.#options.isAutomatic) this.#start('ring', callId);
    if (event === 'ringing') this.#start('ringback', callId);
    if (['answered', 'ended', 'merged'].includes(event) && this.#ringing?.callId === callId) this.stop();
  }

  #start(kind: 'ring' | 'ringback', callId: unknown): void {
    const open = this.#options.open[kind];
    if (open === null || this.#ringing !== null) return;
    const pacer = new FramePacer(monotonicMs(), FRAME_MS);
    this.#ringing = { callId, kind, sink: open(), pacer, frames: 0 };
    this.#timer.set(pacer.nextAt);
  }

  #tick(): void {
    const ringing = this.#ringing;
    if (ringing === null) return;
    for (let due = ringing.pacer.due(monotonicMs()); due > 0; due--)
      ringing.sink.write(ringFrame(ringing.kind, ringing.frames++));
    this.#timer.set(ringing.pacer.nextAt);
  }

  /** Gives the device back: the call may want it. */
  stop(): void {
    this.#timer.set(null);
    void this.#ringing?.sink.close().catch(() => {});
    this.#ringing = null;
  }
}

/**
 * The ringer that `--ring` asks for, or else one on the speaker of the calls, if they have one.
 * @throws OvercallError `audio-spec-unknown`, `audio-device-missing`
 */
export async function openRinger(options: AudioOptions, log: Logger, isAutomatic = false): Promise<Ringer> {
  const isOff = options.ring === 'off';
  const call = isOff ? null : speakerOf(options.record);
  const ring = isOff ? null : options.ring === undefined ? call : ringSpeaker(options.ring);
  if (ring === null) return new Ringer({ open: { ring: null, ringback: null }, isAutomatic });
  const program = await chooseProgram(options.audioProgram, 'speaker');
  await checkDevice(program, 'speaker', ring.device);
  const opening = (speaker: { device: string | null } | null) =>
    speaker === null
      ? null
      : () =>
          new Speaker({
            program,
            device: speaker.device,
            onEvent: ({ state, message }) => {
              if (state === 'lost') log.warn(`ring tone: ${message}`);
            },
          });
  return new Ringer({ open: { ring: opening(ring), ringback: opening(call) }, isAutomatic });
}

/** @throws OvercallError `audio-spec-unknown` */
function ringSpeaker(spec: string): { device: string | null } {
  const speaker = /^speaker(:|$)/.test(spec) ? speakerOf(spec) : null;
  if (speaker !== null) return speaker;
  throw new OvercallError('audio-spec-unknown', `cannot ring on "${spec}": use speaker[:DEVICE] or off`);
}

function speakerOf(spec: string): { device: string | null } | null {
  const parsed = parseSinkSpec(spec);
  return parsed.kind === 'speaker' ? parsed : null;
}
