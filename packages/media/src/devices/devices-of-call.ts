import type { AudioProgram } from './audio-program.ts';
import type { DeviceEvent } from './device-events.ts';
import { Microphone } from './microphone.ts';
import { Speaker } from './speaker.ts';
import type { VoiceChoice } from './voice-chain.ts';
import { VoiceProcessor } from './voice-processor.ts';

export interface DevicesOfCallOptions {
  program: AudioProgram;
  /** null when something else than a device is heard, or spoken with; a `device` of null is the default one. */
  mic: { device: string | null } | null;
  speaker: { device: string | null } | null;
  voice: VoiceChoice;
  onEvent(event: DeviceEvent): void;
}

export interface DevicesOfCall {
  microphone: Microphone | null;
  speaker: Speaker | null;
}

/** Opens what a call needs, with what is spoken cleaned of what is heard, where both are devices. */
export function openDevicesOfCall(options: DevicesOfCallOptions): DevicesOfCall {
  const { program, mic, speaker, onEvent } = options;
  const processor = mic === null ? null : openProcessor(options, (block) => microphone?.take(block));
  const microphone =
    mic === null
      ? null
      : new Microphone({
          program,
          device: mic.device,
          onEvent,
          ...(processor && {
            process: (block) => processor.process(block),
            onMuted: (on) => processor.setMuted(on),
            onClose: () => processor.close(),
          }),
        });
  return {
    microphone,
    speaker:
      speaker === null
        ? null
        : new Speaker({
            program,
            device: speaker.device,
            onEvent,
            ...(processor && { onPlayed: (frame) => processor.hear(frame) }),
          }),
  };
}

function openProcessor(
  { program, mic, speaker, voice, onEvent }: DevicesOfCallOptions,
  onBlock: (block: Int16Array) => void,
): VoiceProcessor | null {
  const { noiseSuppression, gainControl } = voice;
  // Nothing that is played by a device, so no echo.
  const echoCancellation = voice.echoCancellation && speaker !== null;
  if (!echoCancellation && !noiseSuppression && !gainControl) return null;
  return new VoiceProcessor(
    { echoCancellation, noiseSuppression, gainControl },
    {
      onBlock,
      onFailed: ({ message }) =>
        onEvent({
          device: 'mic',
          state: 'unprocessed',
          program: program.name,
          name: mic?.device ?? null,
          reason: null,
          message: `echo and noise are not taken out: ${message}`,
        }),
    },
  );
}
