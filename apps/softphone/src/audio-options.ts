import type { Output } from '@overcall/cli';
import { AUDIO_PROGRAM_NAMES, type DeviceEvent } from '@overcall/media';
import { type Command, Option } from 'commander';
import type { SoftphoneEvent } from './softphone-options.ts';

/** What `call` and `listen` take about sound. */
export interface AudioOptions {
  play: string;
  record: string;
  /** Where it rings; on the speaker of calls, if there is one, when left out. */
  ring?: string;
  audioProgram: string;
  echoCancellation: boolean;
  noiseSuppression: boolean;
  gainControl: boolean;
  dtx?: boolean;
}

export function addAudioOptions(command: Command): Command {
  return command
    .option('--play <src>', 'what the other side hears: x.wav, tone[:HZ], mic[:DEVICE], null', 'mic')
    .option('--record <file>', 'where what is heard goes: x.wav, speaker[:DEVICE], null', 'speaker')
    .option('--ring <device>', 'where it rings: speaker[:DEVICE] or off (default: where --record plays)')
    .addOption(audioProgramOption())
    .option('--no-echo-cancellation', 'leave what the microphone hears of the speaker in (with headphones)')
    .option('--no-noise-suppression', 'leave noise in what the microphone hears')
    .option('--no-gain-control', 'leave the level of the microphone as it is')
    .option(
      '--dtx',
      'send next to nothing while nobody speaks: saves data, but sizes and gaps of packets then tell when somebody does',
    );
}

export function audioProgramOption(): Option {
  const names = AUDIO_PROGRAM_NAMES.join(', ');
  return new Option('--audio-program <name>', `drives mic and speaker: auto, ${names}`).default('auto');
}

/** What may happen to sound in the middle of a call, which goes on. */
export interface AudioReports {
  recordingFailed(error: Error): void;
  device(event: DeviceEvent): void;
}

/** Tells people and programs. That a device works is news to people only after it did not. */
export function reportsTo(output: Output, tell: (event: SoftphoneEvent) => void = () => {}): AudioReports {
  const lost = new Set<string>();
  return {
    recordingFailed: ({ message }) => {
      output.event({ event: 'recording-failed', message }, `the recording failed: ${message}`);
      tell({ event: 'recording-failed', message });
    },
    device: (event) => {
      const isNews = event.state !== 'ready' || lost.delete(event.device);
      if (event.state === 'lost') lost.add(event.device);
      output.event({ event: 'audio-device', ...event }, isNews ? event.message : null);
      tell({ event: 'audio-device', ...event });
    },
  };
}
