import { PulseServer } from '../../test/audio/pulse-server.ts';
import { PipewireServer, PW_CAT_RAW } from './pipewire-server.ts';

/** A sound server of its own with devices that can be unplugged; there is a tone in some microphones whenever they are there. */
export interface SoundGround {
  /** Of `--audio-program`. */
  readonly program: string;
  /** With which programs find it. */
  readonly env: Record<string, string>;
  start(): Promise<void>;
  /** `kill -9`. */
  stop(): Promise<void>;
  close(): Promise<void>;
  unplug(device: string): void;
  plug(device: string): Promise<void>;
  /** What a device is called as a source: itself, or what hears it. */
  sourceOf(device: string): string;
  /** Plain programs, which record what a microphone or a speaker hears, and play from their stdin. */
  record(device: string): string[];
  play(device: string): string[];
}

const isMic = (device: string) => device.endsWith('-mic');

function pulseGround(devices: readonly string[], tones: readonly string[]): SoundGround {
  const server = new PulseServer(devices.map((device) => `${device}:48000`));
  const raw = ['--raw', '--format=s16le', '--rate=48000', '--channels=1', '--latency-msec=10'];
  // The server itself plays it: whoever records hears it from the start.
  const speakInto = (mic: string) => {
    if (server.pactl('load-module', 'module-sine', `sink=${mic}`, 'frequency=500') === null)
      throw new Error('PulseAudio has no module-sine');
  };
  return {
    program: 'pulse',
    env: { PULSE_SERVER: server.env.PULSE_SERVER! },
    async start() {
      await server.start();
      for (const mic of tones) speakInto(mic);
    },
    stop: () => server.stop(),
    close: () => server.close(),
    unplug: (device) => server.unplug(device),
    async plug(device) {
      server.plug(device);
      if (tones.includes(device)) speakInto(device);
    },
    sourceOf: (device) => `${device}.monitor`,
    record: (device) => ['parec', ...raw, `--device=${device}.monitor`],
    play: (device) => ['pacat', ...raw, `--device=${device}`],
  };
}

function pipewireGround(devices: readonly string[], tones: readonly string[]): SoundGround {
  const server = new PipewireServer(devices);
  return {
    program: 'pipewire',
    env: { XDG_RUNTIME_DIR: server.env.XDG_RUNTIME_DIR! },
    async start() {
      await server.start();
      for (const mic of tones) await server.speakInto(mic);
    },
    stop: () => server.stop(),
    close: () => server.close(),
    unplug: (device) => server.unplug(device),
    async plug(device) {
      server.plug(device);
      if (tones.includes(device)) await server.speakInto(device);
    },
    sourceOf: (device) => device,
    record(device) {
      const ofSpeaker = isMic(device) ? [] : ['--properties', '{ stream.capture.sink = true }'];
      return ['pw-cat', '--record', ...PW_CAT_RAW, ...ofSpeaker, '--target', device, '-'];
    },
    play: (device) => ['pw-cat', '--playback', ...PW_CAT_RAW, '--target', device, '-'],
  };
}

const GROUNDS = { pulse: pulseGround, pipewire: pipewireGround };

/** @param tones names of microphones */
export function soundGround(
  program: string,
  devices: readonly string[],
  tones: readonly string[],
): SoundGround {
  if (program !== 'pulse' && program !== 'pipewire') throw new Error('--program takes pulse and pipewire');
  return GROUNDS[program](devices, tones);
}
