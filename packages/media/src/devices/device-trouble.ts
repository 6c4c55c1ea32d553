import type { AudioProgram, DeviceKind } from './audio-program.ts';

/** Why a device does not work (any more). */
export type DeviceTrouble =
  | 'program-missing'
  | 'server-gone'
  | 'device-gone'
  | 'device-unknown'
  | 'device-busy'
  | 'rate-unsuited'
  | 'access-denied'
  | 'stalled'
  | 'ended';

/** What the programs say, first match wins. */
const SIGNS: readonly [RegExp, DeviceTrouble][] = [
  [/no such (entity|device)|unknown pcm|cannot find card|no such file/i, 'device-unknown'],
  [/busy/i, 'device-busy'],
  [/rate doesn't match|rate is not accurate|(sample )?rate .*(unsupported|not supported)/i, 'rate-unsuited'],
  [/access denied|permission denied/i, 'access-denied'],
  [/connection (refused|terminated|failure)|host is down|can't connect/i, 'server-gone'],
  // The server ended the stream: what it led to is no more.
  [/entity killed/i, 'device-gone'],
];

/** What the last words of a program that ended mean. */
export function troubleOf(stderr: string): DeviceTrouble {
  return SIGNS.find(([sign]) => sign.test(stderr))?.[1] ?? 'ended';
}

/** One line for people. `device`: null for the default one; `complaint`: of the program, null for none. */
export function troubleText(
  trouble: DeviceTrouble,
  kind: DeviceKind,
  program: AudioProgram,
  device: string | null,
  complaint: string | null,
): string {
  const what = kind === 'mic' ? 'microphone' : 'speaker';
  const which = device === null ? `the ${what}` : `the ${what} ${device}`;
  switch (trouble) {
    case 'program-missing':
      return `${program.tools[kind]} is not there any more: install the package ${program.debianPackage}`;
    case 'server-gone':
      return `${which} is gone: the sound server does not answer`;
    case 'device-gone':
      return `${which} is gone: the sound server has it no more`;
    case 'device-unknown':
      return `${which} is not there; overcall audio devices shows what is`;
    case 'device-busy':
      return `${which} is busy: another program holds it`;
    case 'rate-unsuited':
      return `${which} cannot do 48 kHz; a plughw: device, or a sound server, converts`;
    case 'access-denied':
      return `${which} may not be used: access denied`;
    case 'stalled':
      return `${which} has stopped delivering`;
    case 'ended':
      return `${which} is gone: ${program.tools[kind]} ended${complaint === null ? '' : ` (${complaint})`}`;
  }
}
