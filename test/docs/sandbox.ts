import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms, programFile, sharedCode } from '@overcall/harness';
import { readRecording, SAMPLE_RATE_HZ, wavHeader } from '@overcall/media';
import { ROOT } from './documented-commands.ts';

const RECORDINGS = ['alice.wav', 'bob.wav'];
/** Of the recordings, so much is played: what is looked at is the command. */
const PLAYED_S = 1;

export interface Result {
  code: number | null;
  output: string;
}

/** A home and a folder of their own in which commands of the pages run, as somebody would type them. */
export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), 'docs-of-overcall-'));
  readonly #running: { child: ChildProcess; firstLine: Promise<void>; output: () => string }[] = [];
  readonly #replaced: [string, string][] = [];
  /** For all commands from now on. */
  readonly environment: Record<string, string> = {};

  static async open(): Promise<Sandbox> {
    await buildPrograms();
    const sandbox = new Sandbox();
    const { folder } = sandbox;
    mkdirSync(join(folder, 'bin'));
    for (const [command, program] of [
      ['overcall', 'softphone'],
      ['overcall-supernode', 'supernode'],
      ['overcall-directory', 'directory'],
    ] as const) {
      const file = join(folder, 'bin', command);
      writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${programFile(program)}' "$@"\n`);
      chmodSync(file, 0o755);
    }
    mkdirSync(join(folder, 'test', 'recordings'), { recursive: true });
    for (const name of RECORDINGS) {
      const samples = (await readRecording(join(ROOT, 'test/recordings', name))).subarray(
        0,
        PLAYED_S * SAMPLE_RATE_HZ,
      );
      const bytes = new Uint8Array(samples.slice().buffer);
      writeFileSync(join(folder, 'test/recordings', name), Buffer.concat([wavHeader(bytes.length), bytes]));
    }
    return sandbox;
  }

  /** Text of commands that stands for something else here: ports that are free, folders that are ours. */
  replace(shown: string, used: string): void {
    this.#replaced.push([shown, used]);
  }

  #start(line: string): ChildProcess {
    const command = this.#replaced.reduce((text, [shown, used]) => text.replaceAll(shown, used), line);
    const { HOME: _, ...outside } = process.env;
    const own = outside as Record<string, string>;
    for (const name of Object.keys(own)) if (/^(OVERCALL|XDG)_/.test(name)) delete own[name];
    return spawn('bash', ['-c', command], {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...own,
        ...sharedCode(),
        HOME: this.folder,
        PATH: `${join(this.folder, 'bin')}:${process.env.PATH}`,
        OVERCALL_NO_PORT_MAPPING: '1',
        ...this.environment,
      },
    });
  }

  async run(line: string): Promise<Result> {
    const child = this.#start(line);
    let output = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output };
  }

  /** A command that goes on. */
  begin(line: string): void {
    const child = this.#start(line);
    let output = '';
    const firstLine = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout!, child.stderr!])
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          if (stream === child.stdout) resolve();
        });
      child.once('close', (code) => reject(new Error(`"${line}" ended with ${code}: ${output}`)));
    });
    // Only who waits for it wants to know.
    firstLine.catch(() => {});
    this.#running.push({ child, firstLine, output: () => output });
  }

  /** In the place of a pause: until each command that goes on has said that it is ready. */
  async settled(): Promise<void> {
    await Promise.all(
      this.#running.filter(({ child }) => child.exitCode === null).map(({ firstLine }) => firstLine),
    );
  }

  /** A script line by line; the results of those that end. */
  async runScript(lines: readonly string[]): Promise<{ line: string; result: Result }[]> {
    const results = [];
    for (const line of lines) {
      if (/^sleep \d+$/.test(line)) await this.settled();
      else if (line.endsWith('&')) this.begin(line.replace(/ *&$/, ''));
      else results.push({ line, result: await this.run(line) });
    }
    return results;
  }

  async close(): Promise<void> {
    for (const { child } of this.#running) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'close');
      // The shell and what it started are a group of their own.
      process.kill(-child.pid!, 'SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A port that was free a moment ago, for UDP as likely as for TCP. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
