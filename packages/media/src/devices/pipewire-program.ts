import { existsSync } from 'node:fs';
import {
  type AudioCommand,
  type AudioDevice,
  type AudioProgram,
  CAPTURE_LATENCY_MS,
  type DeviceKind,
  PLAYBACK_LATENCY_MS,
} from './audio-program.ts';
import { pipewirePlaceReader } from './pipewire-place.ts';

/**
 * `pw-cat` straight at PipeWire. What it reads from a pipe and writes to one is raw with `--raw`, which came with 1.2; before
 * that it is raw without.
 */
function pipewire(raw: readonly string[], fits: (help: string) => boolean): AudioProgram {
  return {
    name: 'pipewire',
    tools: { mic: 'pw-cat', speaker: 'pw-cat' },
    debianPackage: 'pipewire-bin',
    isReadCounted: false,
    // It takes the default device without a word where the one that is named is not there: it has to be looked for.
    listsAll: true,
    readyLine: null,

    async isUsable(run) {
      const help = (await run('pw-cat', ['--help'])) ?? '';
      return help.includes('--properties') && fits(help) && existsSync(pipewireSocket());
    },

    async list(run) {
      const [nodes, metadata] = await Promise.all(
        ['Node', 'Metadata'].map(async (type) => objectsIn(await run('pw-dump', [type]))),
      );
      const defaults = defaultsIn(metadata ?? []);
      return (nodes ?? []).flatMap((node) => deviceOf(node, defaults));
    },

    capture: (device) => pwCat('--record', raw, CAPTURE_LATENCY_MS, device),
    playback: (device) => pwCat('--playback', raw, PLAYBACK_LATENCY_MS, device),
  };
}

export const pipewireProgram = pipewire(['--raw'], (help) => help.includes('--raw'));
export const earlyPipewireProgram = pipewire(
  [],
  (help) => !help.includes('--raw') && help.includes('<file>|-'),
);

function pipewireSocket(): string {
  const { PIPEWIRE_RUNTIME_DIR, XDG_RUNTIME_DIR, PIPEWIRE_REMOTE } = process.env;
  const folder = PIPEWIRE_RUNTIME_DIR ?? XDG_RUNTIME_DIR ?? `/run/user/${process.getuid?.() ?? 0}`;
  return `${folder}/${PIPEWIRE_REMOTE ?? 'pipewire-0'}`;
}

/** So far, of programs that were set up here: each has a name of its own, by which its links are known. */
let named = 0;

function pwCat(mode: string, raw: readonly string[], latencyMs: number, device: string | null): AudioCommand {
  const name = `overcall-${process.pid}-${++named}`;
  const args = [
    ...[mode, ...raw, '--rate', '48000', '--channels', '1', '--format', 's16'],
    ...['--media-role', 'Communication', '--latency', `${latencyMs}ms`],
    ...['--properties', `{ node.name = "${name}" }`],
    ...(device === null ? [] : ['--target', device]),
    '-',
  ];
  // It is moved when its device is unplugged, a microphone to what a speaker plays even, and says nothing.
  const placeWatch = {
    command: 'pw-link',
    args: ['--links', '--monitor'],
    reader: () => pipewirePlaceReader(name),
  };
  return { command: 'pw-cat', args, placeWatch };
}

/** What `pw-dump` prints, as far as it is of use here. */
interface PipewireObject {
  info?: { props?: Record<string, unknown> };
  metadata?: { key?: unknown; value?: { name?: unknown } }[];
}

function objectsIn(json: string | null): PipewireObject[] {
  try {
    const objects: unknown = JSON.parse(json ?? '[]');
    return Array.isArray(objects) ? (objects as PipewireObject[]) : [];
  } catch {
    return [];
  }
}

const CLASSES: Record<string, DeviceKind> = {
  'Audio/Source': 'mic',
  // A filter, say.
  'Audio/Source/Virtual': 'mic',
  'Audio/Sink': 'speaker',
};
const DEFAULT_KEYS: Record<DeviceKind, string> = {
  mic: 'default.audio.source',
  speaker: 'default.audio.sink',
};

/** By key, the names of the default devices. A session manager says so; without one there are none. */
const defaultsIn = (objects: readonly PipewireObject[]): Map<unknown, unknown> =>
  new Map(objects.flatMap(({ metadata = [] }) => metadata.map(({ key, value }) => [key, value?.name])));

function deviceOf(object: PipewireObject, defaults: ReadonlyMap<unknown, unknown>): AudioDevice[] {
  const props = object.info?.props ?? {};
  const kind = CLASSES[String(props['media.class'])];
  const name = props['node.name'];
  if (kind === undefined || typeof name !== 'string') return [];
  const isDefault = defaults.get(DEFAULT_KEYS[kind]) === name;
  return [{ kind, name, description: String(props['node.description'] ?? ''), isDefault, isMonitor: false }];
}
