import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const PATH = `${process.env.PATH}:/usr/sbin`;

const hasNats = PATH.split(':').some((folder) => existsSync(join(folder, 'nats-server')));
/** With CI set nothing is skipped. */
export const SKIPS_NATS = !hasNats && !process.env.CI;
export const NEEDS_NATS = SKIPS_NATS ? ' (needs nats-server: apt install nats-server)' : '';

/** A real server on loopback that keeps its streams in a temporary folder, over restarts too. */
export class NatsServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'overcall-nats-'));
  readonly #config: string;
  #child: ChildProcess | null = null;
  #port = -1;

  private constructor(config: string) {
    this.#config = config;
  }

  /** `config`: what else stands in its configuration file. */
  static async start({ jetStream = true, config = '' } = {}): Promise<NatsServer> {
    const store = jetStream ? 'jetstream { store_dir: "./streams" }' : '';
    const server = new NatsServer(`${store}\n${config}\n`);
    await server.run();
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Starts it, on the port it had before. */
  async run(): Promise<void> {
    const file = join(this.folder, 'nats.conf');
    writeFileSync(file, `listen: "127.0.0.1:${this.#port}"\nports_file_dir: "."\n${this.#config}`);
    const child = spawn('nats-server', ['--config', file], {
      cwd: this.folder,
      env: { PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    const said: string[] = [];
    const lines = createInterface({ input: child.stderr! }).on('line', (line) => said.push(line));
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`nats-server ended: ${said.join('\n')}`)));
      lines.on('line', (line) => {
        if (line.includes('Server is ready')) resolve();
      });
    });
    if (this.#port === -1) this.#port = await portIn(join(this.folder, `nats-server_${child.pid}.ports`));
  }

  /** As a power cut would, as far as the process goes. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }
}

/** The server writes the file after it said that it is ready. */
async function portIn(file: string): Promise<number> {
  for (;;) {
    const ports = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const port = /:(\d+)"/.exec(ports)?.[1];
    if (port !== undefined) return Number(port);
    await sleep(10);
  }
}
