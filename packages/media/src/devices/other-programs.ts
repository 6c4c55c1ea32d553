import { existsSync } from 'node:fs';
import {
  type AudioDevice,
  type AudioProgram,
  CAPTURE_LATENCY_MS,
  type DeviceKind,
  PLAYBACK_LATENCY_MS,
} from './audio-program.ts';

const RAW_16_BIT = { alsa: ['-t', 'raw', '-f', 'S16_LE', '-r', '48000', '-c', '1'] };

/** `arecord` and `aplay`. The default device converts rates; `hw:` devices do not, `plughw:` ones do. */
export const alsaProgram: AudioProgram = {
  name: 'alsa',
  tools: { mic: 'arecord', speaker: 'aplay' },
  debianPackage: 'alsa-utils',
  isReadCounted: true,
  listsAll: false,
  readyLine: null,

  async isUsable(run) {
    const cards = await Promise.all([run('arecord', ['-l']), run('aplay', ['-l'])]);
    return cards.some((text) => text !== null && /^card /m.test(text));
  },
  // Its default device may be a sound server, by ALSA's own configuration.
  isInstalled: async (run) => (await run('arecord', ['--version'])) !== null,

  async list(run) {
    const [mics, speakers] = await Promise.all([run('arecord', ['-l']), run('aplay', ['-l'])]);
    return [...alsaDevices('mic', mics), ...alsaDevices('speaker', speakers)];
  },

  capture: (device) => alsa('arecord', CAPTURE_LATENCY_MS, device),
  playback: (device) => alsa('aplay', PLAYBACK_LATENCY_MS, device),
};

function alsa(command: string, latencyMs: number, device: string | null) {
  // Periods of a third make playing wake up often enough; recording is handed on a period at a time.
  const periodUs = command === 'aplay' ? Math.round((latencyMs * 1000) / 3) : latencyMs * 1000;
  const bufferUs = command === 'aplay' ? latencyMs * 1000 : latencyMs * 10_000;
  const times = [`--period-time=${periodUs}`, `--buffer-time=${bufferUs}`];
  const target = device === null ? [] : ['-D', device];
  return { command, args: ['-q', ...RAW_16_BIT.alsa, ...times, ...target], env: { LC_ALL: 'C' } };
}

/** `card 0: PCH [HDA Intel PCH], device 0: ALC257 Analog [ALC257 Analog]` */
function alsaDevices(kind: DeviceKind, text: string | null): AudioDevice[] {
  const lines = (text ?? '').matchAll(/^card (\d+): .*?\[(.*?)\], device (\d+): .*?\[(.*?)\]/gm);
  return [...lines].map(([, card, cardName, device, deviceName]) => ({
    kind,
    name: `plughw:${card},${device}`,
    description: `${cardName}, ${deviceName}`,
    isDefault: false,
    isMonitor: false,
  }));
}

/** ffmpeg with ALSA's default device, on systems that have nothing else. */
export const ffmpegProgram: AudioProgram = {
  name: 'ffmpeg',
  tools: { mic: 'ffmpeg', speaker: 'ffmpeg' },
  debianPackage: 'ffmpeg',
  isReadCounted: true,
  listsAll: false,
  readyLine: null,
  isUsable: async (run) => hasCards() && (await ffmpegProgram.isInstalled!(run)),
  isInstalled: async (run) => (await run('ffmpeg', ['-version'])) !== null,
  list: async () => [],
  capture: (device) => ({
    command: 'ffmpeg',
    args: [
      ...['-nostdin', '-loglevel', 'error', '-fflags', 'nobuffer', '-f', 'alsa', '-i', device ?? 'default'],
      ...['-f', 's16le', '-ar', '48000', '-ac', '1', '-flush_packets', '1', 'pipe:1'],
    ],
  }),
  playback: (device) => ({
    command: 'ffmpeg',
    args: [
      ...['-loglevel', 'error', '-probesize', '32', '-fflags', 'nobuffer'],
      ...['-f', 's16le', '-ar', '48000', '-ac', '1', '-i', 'pipe:0', '-f', 'alsa', device ?? 'default'],
    ],
  }),
};

/** sox with its default driver: the one that is there on macOS too. */
export const soxProgram: AudioProgram = {
  name: 'sox',
  tools: { mic: 'sox', speaker: 'sox' },
  debianPackage: 'sox',
  isReadCounted: true,
  listsAll: false,
  readyLine: null,
  isUsable: async (run) =>
    (process.platform !== 'linux' || hasCards()) && (await soxProgram.isInstalled!(run)),
  isInstalled: async (run) => (await run('sox', ['--version'])) !== null,
  list: async () => [],
  capture: (device) => sox(device, ['-d', ...SOX_FORMAT, '-']),
  playback: (device) => sox(device, [...SOX_FORMAT, '-', '-d']),
};

const SOX_FORMAT = ['-t', 'raw', '-r', '48000', '-c', '1', '-e', 'signed-integer', '-b', '16', '-L'];

function sox(device: string | null, args: string[]) {
  const env: Record<string, string> = device === null ? {} : { AUDIODEV: device };
  return { command: 'sox', args: ['-q', '--buffer', '960', ...args], env };
}

function hasCards(): boolean {
  return existsSync('/proc/asound/card0') || existsSync('/proc/asound/card1');
}
