import {
  type AudioCommand,
  type AudioDevice,
  type AudioProgram,
  CAPTURE_LATENCY_MS,
  type DeviceKind,
  PLAYBACK_LATENCY_MS,
  type RunTool,
} from './audio-program.ts';
import { isMonitorName } from './device-place.ts';

/**
 * `parec` and `pacat`: PulseAudio, and PipeWire by its `pipewire-pulse`. The first choice, because `pacat -v` says every
 * 50 ms how far it has played, so that the clock of the device is known; and tested against a real server.
 */
export const pulseProgram: AudioProgram = {
  name: 'pulse',
  tools: { mic: 'parec', speaker: 'pacat' },
  debianPackage: 'pulseaudio-utils',
  isReadCounted: false,
  listsAll: true,
  readyLine: /^Stream successfully created/,
  // PulseAudio's names have no spaces; those of PipeWire may, and brackets.
  deviceLine: /^(?:Connected|Stream moved) to device (.+) \((?:index: )?\d+, /,

  async isUsable(run) {
    return (await run('pactl', ['info'])) !== null;
  },

  async list(run) {
    const info = (await run('pactl', ['info'])) ?? '';
    const [mics, speakers] = await Promise.all([
      listKind(run, 'mic', /^Default Source: (.*)$/m.exec(info)?.[1]),
      listKind(run, 'speaker', /^Default Sink: (.*)$/m.exec(info)?.[1]),
    ]);
    return [...mics, ...speakers];
  },

  capture: (device) => command('parec', CAPTURE_LATENCY_MS, device),
  playback: (device) => command('pacat', PLAYBACK_LATENCY_MS, device),

  /** `Time: 1.004 sec; Latency: 16899 usec.`, in English because it is started with LC_ALL=C. */
  readReport(line) {
    const match = /^Time: (\d+\.\d+) sec; Latency: \d+ usec/.exec(line);
    return match === null ? null : { playedMs: Number(match[1]) * 1000 };
  },
};

function command(program: string, latencyMs: number, device: string | null): AudioCommand {
  const args = [
    ...['--raw', '--format=s16le', '--rate=48000', '--channels=1'],
    ...[`--latency-msec=${latencyMs}`, `--process-time-msec=${Math.min(latencyMs, 10)}`],
    ...['--client-name=overcall', '--stream-name=call', '--property=media.role=phone'],
    '--verbose',
  ];
  if (device !== null) args.push(`--device=${device}`);
  return { command: program, args, env: { LC_ALL: 'C' } };
}

async function listKind(
  run: RunTool,
  kind: DeviceKind,
  defaultName: string | undefined,
): Promise<AudioDevice[]> {
  const noun = kind === 'mic' ? 'sources' : 'sinks';
  const entries = entriesIn(await run('pactl', ['list', noun]));
  return entries.map((entry) => ({ kind, ...entry, isDefault: entry.name === defaultName }));
}

/** As people read it: as JSON, pactl 16 gives "(null)" for whatever has a letter beyond ASCII. */
function entriesIn(text: string | null): Pick<AudioDevice, 'name' | 'description' | 'isMonitor'>[] {
  const found = (text ?? '').matchAll(/^\tName: (.+)\n(?:\t.*\n)*?\tDescription: (.*)$/gm);
  return [...found].map(([, name = '', description = '']) => ({
    name,
    description,
    isMonitor: isMonitorName(name),
  }));
}
