import { execFile } from 'node:child_process';
import { OvercallError } from '@overcall/wire';
import type { AudioProgram, DeviceKind, RunTool } from './audio-program.ts';
import { alsaProgram, ffmpegProgram, soxProgram } from './other-programs.ts';
import { earlyPipewireProgram, pipewireProgram } from './pipewire-program.ts';
import { pulseProgram } from './pulse-program.ts';

/** In the order in which they are tried. */
export const AUDIO_PROGRAMS: readonly AudioProgram[] = [
  pulseProgram,
  pipewireProgram,
  earlyPipewireProgram,
  alsaProgram,
  ffmpegProgram,
  soxProgram,
];

/** What `--audio-program` takes besides `auto`. */
export const AUDIO_PROGRAM_NAMES: readonly string[] = [...new Set(AUDIO_PROGRAMS.map(({ name }) => name))];

/** How long a program may take to say whether it is usable, ms. */
const TOOL_TIMEOUT_MS = 3000;
const MAX_OUTPUT_BYTES = 4 * 2 ** 20;

/** Runs programs, which wait for ever for a server that hangs: not longer than so long, ms, and that is an `audio-device-missing`. */
export const toolRunner =
  (timeoutMs: number): RunTool =>
  (command, args) =>
    new Promise((resolve, reject) => {
      const options = {
        timeout: timeoutMs,
        // At SIGTERM some end as if all were well.
        killSignal: 'SIGKILL' as const,
        maxBuffer: MAX_OUTPUT_BYTES,
        env: { ...process.env, LC_ALL: 'C' },
      };
      execFile(command, args, options, (error, stdout) => {
        if (error?.signal === 'SIGKILL') reject(serverSilent(command, timeoutMs));
        else resolve(error === null ? stdout : null);
      });
    });

export const runTool: RunTool = toolRunner(TOOL_TIMEOUT_MS);

function serverSilent(command: string, timeoutMs: number): OvercallError {
  const message = `the sound server does not answer: ${command} was ended after ${timeoutMs / 1000} s`;
  return new OvercallError('audio-device-missing', message, {
    remedy: 'start it anew, or try another program with --audio-program',
  });
}

/** Whether it can be used; what a sound system that does not answer says is noted in `silent`. */
async function isTrue(tried: Promise<boolean> | undefined, silent: OvercallError[]): Promise<boolean> {
  try {
    return (await tried) ?? false;
  } catch (error) {
    if (error instanceof OvercallError) silent.push(error);
    return false;
  }
}

/**
 * The program to record and play with: the one of that name, or the first that is installed and has a sound system behind it.
 * `remedy`: what works without. One that does not answer is passed over, and named where there is no other.
 * @throws OvercallError `audio-device-missing`, `audio-program-unknown`
 */
export async function chooseProgram(
  wanted: string,
  kind: DeviceKind,
  run: RunTool = runTool,
  remedy = instead(kind),
): Promise<AudioProgram> {
  if (wanted !== 'auto') return namedProgram(wanted, kind, run, remedy);
  const silent: OvercallError[] = [];
  for (const program of AUDIO_PROGRAMS) if (await isTrue(program.isUsable(run), silent)) return program;
  throw silent[0] ?? deviceMissing(kind, remedy);
}

async function namedProgram(
  wanted: string,
  kind: DeviceKind,
  run: RunTool,
  remedy: string,
): Promise<AudioProgram> {
  const named = AUDIO_PROGRAMS.filter(({ name }) => name === wanted);
  if (named.length === 0)
    throw new OvercallError(
      'audio-program-unknown',
      `no audio program is called "${wanted}": use auto, ${AUDIO_PROGRAM_NAMES.join(', ')}`,
    );
  const silent: OvercallError[] = [];
  for (const program of named) {
    if (await isTrue(program.isUsable(run), silent)) return program;
    if (await isTrue(program.isInstalled?.(run), silent)) return program;
  }
  if (silent[0] !== undefined) throw silent[0];
  const program = named[0]!;
  const tool = program.tools[kind];
  throw new OvercallError(
    'audio-device-missing',
    `${tool} (package ${program.debianPackage}) is not installed, too old, or finds no sound system; ${remedy}`,
  );
}

/**
 * Looks whether there is such a device before anybody's phone rings, as far as the program can tell; null stands for the
 * default one. What is heard of a speaker is taken for a microphone only when it is asked for by name: the other side would
 * hear itself. `remedy`: what to do when there is no default one.
 * @throws OvercallError `audio-device-missing`
 */
export async function checkDevice(
  program: AudioProgram,
  kind: DeviceKind,
  device: string | null,
  run: RunTool = runTool,
  remedy = instead(kind),
): Promise<void> {
  if (!program.listsAll) return;
  const devices = (await program.list(run)).filter((one) => one.kind === kind);
  if (device === null) {
    if (devices.some(({ isDefault, isMonitor }) => isDefault && !isMonitor)) return;
    const what = kind === 'mic' ? 'microphone' : 'speaker';
    throw new OvercallError('audio-device-missing', `the sound system has no ${what}; ${remedy}`);
  }
  if (devices.some(({ name }) => name === device)) return;
  throw new OvercallError(
    'audio-device-missing',
    `no ${kind} is called ${device}; overcall audio devices shows what there is`,
  );
}

/** The error for a sound device that is not there: what would bring one, and what works without. */
function deviceMissing(kind: DeviceKind, remedy = instead(kind)): OvercallError {
  const tools = `${kind === 'mic' ? 'parec' : 'pacat'} (package pulseaudio-utils), pw-cat (pipewire-bin) or ${
    kind === 'mic' ? 'arecord' : 'aplay'
  } (alsa-utils)`;
  const what = kind === 'mic' ? 'microphone' : 'speaker';
  const message = `no ${what} here: neither ${tools} finds a sound system; ${remedy}`;
  return new OvercallError('audio-device-missing', message);
}

function instead(kind: DeviceKind): string {
  return kind === 'mic' ? 'use --play x.wav|tone|null instead' : 'use --record x.wav|null instead';
}
