import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RAW = ['--raw', '--format=s16le', '--rate=48000', '--channels=1', '--latency-msec=100'];
/** How long the server may take to answer, ms. */
const START_PATIENCE_MS = 10_000;

export const HAS_PULSE = ['pulseaudio', 'pactl', 'parec', 'pacat'].every(
  (program) => spawnSync(program, ['--version']).status === 0,
);

/**
 * A PulseAudio server of its own, in a folder of its own, without any sound card: null sinks take the place of speakers, and
 * what is played there can be recorded from `NAME.monitor`.
 */
export class PulseServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'overcall-pulse-'));
  readonly #sinks: readonly string[];
  #child: ReturnType<typeof spawn> | null = null;

  /** @param sinks names, each with the rate of its device: `speaker:48000` */
  constructor(sinks: readonly string[]) {
    this.#sinks = sinks;
    for (const name of ['home', 'runtime']) mkdirSync(join(this.folder, name), { mode: 0o700 });
  }

  get #socket(): string {
    return join(this.folder, 'native');
  }

  /** For programs that are to use this server. */
  get env(): Record<string, string> {
    return {
      PULSE_SERVER: `unix:${this.#socket}`,
      HOME: join(this.folder, 'home'),
      XDG_RUNTIME_DIR: join(this.folder, 'runtime'),
      PULSE_RUNTIME_PATH: join(this.folder, 'runtime'),
    };
  }

  async start(): Promise<void> {
    const modules = this.#sinks.map((sink) => `load-module ${this.#moduleOf(sink.split(':')[0]!).join(' ')}`);
    const script = join(this.folder, 'script.pa');
    writeFileSync(
      script,
      [
        `load-module module-native-protocol-unix socket=${this.#socket} auth-anonymous=1`,
        ...modules,
        '',
      ].join('\n'),
    );
    const { PULSE_SERVER: _, ...env } = this.env;
    this.#child = spawn(
      'pulseaudio',
      ['-n', '-F', script, '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--disable-shm=yes'],
      { env: { ...process.env, ...env }, stdio: 'ignore' },
    );
    const giveUpAt = performance.now() + START_PATIENCE_MS;
    while (this.pactl('info') === null) {
      if (performance.now() > giveUpAt) throw new Error('PulseAudio does not start');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  pactl(...args: string[]): string | null {
    const { status, stdout } = spawnSync('pactl', args, { env: { ...process.env, ...this.env } });
    return status === 0 ? stdout.toString() : null;
  }

  /** Pulls a device out of its plug: its streams end. */
  unplug(sink: string): void {
    const modules = this.pactl('list', 'short', 'modules')?.split('\n') ?? [];
    const line = modules.find((each) => each.includes(`sink_name=${sink} `));
    if (line === undefined || this.pactl('unload-module', line.split('\t')[0]!) === null)
      throw new Error(`PulseAudio does not give up ${sink}`);
  }

  /** And in again. */
  plug(sink: string): void {
    if (this.pactl('load-module', ...this.#moduleOf(sink)) === null)
      throw new Error(`PulseAudio does not take ${sink} back`);
  }

  #moduleOf(sink: string): string[] {
    const rate = this.#sinks.find((each) => each.startsWith(`${sink}:`))?.split(':')[1];
    // One that rewinds has two seconds ready, and its monitor begins when they have been played; no card does that.
    return ['module-null-sink', `sink_name=${sink}`, `rate=${rate}`, 'norewinds=1'];
  }

  /** Plays samples (48 kHz mono) on a sink; resolves when they have been. */
  play(sink: string, samples: Int16Array): Promise<void> {
    const child = spawn('pacat', [...RAW, `--device=${sink}`], { env: { ...process.env, ...this.env } });
    child.stdin.on('error', () => {});
    child.stdin.end(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
    return new Promise((resolve) => child.once('close', () => resolve()));
  }

  /** Records what is played on a sink until the returned function is called, which gives it. */
  record(sink: string): () => Promise<Int16Array> {
    const child = spawn('parec', [...RAW, `--device=${sink}.monitor`], {
      env: { ...process.env, ...this.env },
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    return async () => {
      const gone = new Promise((resolve) => child.once('close', resolve));
      child.kill();
      await gone;
      const bytes = new Uint8Array(Buffer.concat(chunks));
      return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
    };
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await gone;
    rmSync(this.#socket, { force: true });
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
