import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_PATIENCE_MS = 10_000;
const POLL_MS = 20;
export const PW_CAT_RAW = ['--rate', '48000', '--channels', '1', '--format', 's16', '--latency', '10ms'];
const TONE = Int16Array.from({ length: 48_000 }, (_, i) => 8000 * Math.sin((i * Math.PI) / 48));

/**
 * PipeWire with WirePlumber and a D-Bus of their own, in a folder of their own, without any sound card: null sinks are the speakers, and
 * microphones are virtual sources into which a tone is played. The counterpart of PulseServer (test/audio).
 */
export class PipewireServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'overcall-pipewire-'));
  readonly #devices: readonly string[];
  #programs: ChildProcess[] = [];
  readonly #speaking = new Map<string, ChildProcess>();

  /** @param devices their names; what ends with `-mic` is a microphone */
  constructor(devices: readonly string[]) {
    this.#devices = devices;
    for (const name of ['home', 'runtime']) mkdirSync(join(this.folder, name), { mode: 0o700 });
  }

  get env(): Record<string, string> {
    const home = join(this.folder, 'home');
    return {
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      XDG_STATE_HOME: join(home, '.state'),
      XDG_RUNTIME_DIR: join(this.folder, 'runtime'),
      DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(this.folder, 'bus')}`,
    };
  }

  async start(): Promise<void> {
    rmSync(join(this.folder, 'bus'), { force: true });
    const bus = this.env.DBUS_SESSION_BUS_ADDRESS!;
    this.#spawn('dbus-daemon', '--session', '--nofork', '--nopidfile', `--address=${bus}`);
    this.#spawn('pipewire');
    await this.#until('PipeWire does not start', () => this.#run('pw-cli', 'info', '0') !== null);
    this.#spawn('wireplumber');
    await this.#until(
      'WirePlumber does not start',
      () => this.#run('pw-dump')?.includes('WirePlumber') ?? false,
    );
    for (const device of this.#devices) this.plug(device);
  }

  #spawn(command: string, ...args: string[]): void {
    this.#programs.push(spawn(command, args, { env: { ...process.env, ...this.env }, stdio: 'ignore' }));
  }

  #run(command: string, ...args: string[]): string | null {
    const { status, stdout } = spawnSync(command, args, { env: { ...process.env, ...this.env } });
    return status === 0 ? stdout.toString() : null;
  }

  async #until(failure: string, isTrue: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + START_PATIENCE_MS;
    while (!isTrue()) {
      if (performance.now() > giveUpAt) throw new Error(failure);
      await sleep(POLL_MS);
    }
  }

  unplug(device: string): void {
    const nodes = JSON.parse(this.#run('pw-dump', 'Node') ?? '[]') as {
      id: number;
      info?: { props?: Record<string, unknown> };
    }[];
    const node = nodes.find(({ info }) => info?.props?.['node.name'] === device);
    if (node === undefined || this.#run('pw-cli', 'destroy', String(node.id)) === null)
      throw new Error(`PipeWire does not give up ${device}`);
  }

  plug(device: string): void {
    const kind = device.endsWith('-mic') ? 'Audio/Source/Virtual' : 'Audio/Sink';
    const props = `factory.name=support.null-audio-sink node.name=${device} media.class=${kind} object.linger=true audio.position=[MONO]`;
    if (this.#run('pw-cli', 'create-node', 'adapter', `{ ${props} }`) === null)
      throw new Error(`PipeWire does not take ${device}`);
  }

  /** A tone, by a program that goes on when the microphone is unplugged: it is linked again when that is back. */
  async speakInto(mic: string): Promise<void> {
    const name = `tone-${mic}`;
    if (!this.#speaking.has(mic)) this.#speaking.set(mic, this.#speak(name));
    const link = () => this.#run('pw-link', `${name}:output_MONO`, `${mic}:input_MONO`) !== null;
    await this.#until(`nothing plays into ${mic}`, link);
  }

  #speak(name: string): ChildProcess {
    const props = `{ node.autoconnect = false node.name = ${name} }`;
    const args = ['--playback', ...PW_CAT_RAW, '--properties', props, '-'];
    const child = spawn('pw-cat', args, { env: { ...process.env, ...this.env }, stdio: 'pipe' });
    child.stdin.on('error', () => {});
    const feed = () => child.stdin.write(Buffer.from(TONE.buffer), (error) => error ?? feed());
    feed();
    return child;
  }

  async stop(): Promise<void> {
    const programs = [...this.#speaking.values(), ...this.#programs.splice(0)];
    this.#speaking.clear();
    const gone = programs.map(
      (each) => each.exitCode ?? new Promise((resolve) => each.once('close', resolve)),
    );
    for (const each of programs) each.kill('SIGKILL');
    await Promise.all(gone);
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
