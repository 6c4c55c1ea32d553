import { type ChildProcess, spawn } from 'node:child_process';
import type { AudioCommand } from './audio-program.ts';
import { type DeviceTrouble, troubleOf } from './device-trouble.ts';

/** Pauses before a program is started again, ms: short, so that sound is back within a second of the device. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 700;
/** After so long without a failure the pauses begin anew, ms. */
const HEALTHY_MS = 2000;
/** Kept of what a program says last. */
const MAX_STDERR = 2000;
/** How long one may take to end when asked to, ms. */
const END_PATIENCE_MS = 500;

export interface DeviceProcessHandlers {
  /** It was started, again perhaps. */
  onStart(child: ChildProcess): void;
  onData?(bytes: Buffer): void;
  onLine?(line: string): void;
  /** It ended by itself, or could not be started; it is started again after a pause. */
  onTrouble(trouble: DeviceTrouble): void;
}

/** A program that is kept running until it is closed: started again, with growing pauses, whenever it ends. */
export class DeviceProcess {
  readonly #command: AudioCommand;
  readonly #handlers: DeviceProcessHandlers;
  #child: ChildProcess | null = null;
  #stderr = '';
  #startedAt = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #restartTimer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #stalled = false;

  constructor(command: AudioCommand, handlers: DeviceProcessHandlers) {
    this.#command = command;
    this.#handlers = handlers;
    this.#start();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #start(): void {
    const { command, args, env } = this.#command;
    this.#stderr = '';
    this.#stalled = false;
    this.#startedAt = performance.now();
    // In a group of its own, or Ctrl-C in a terminal would end it before the call. Should we be killed, its pipes break, and it
    // ends by itself.
    const child = spawn(command, args, { stdio: 'pipe', detached: true, env: { ...process.env, ...env } });
    this.#child = child;
    let isOver = false;
    const end = (trouble: DeviceTrouble) => {
      if (isOver) return;
      isOver = true;
      this.#handleEnd(child, trouble);
    };
    child.on('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ENOENT' ? 'program-missing' : 'ended'),
    );
    child.on('close', () => end(this.#stalled ? 'stalled' : troubleOf(this.#stderr)));
    // Its pipes break when it dies: that is told by `close`.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on('error', () => {});
    child.stdout?.on('data', (bytes: Buffer) => {
      if (this.#child === child && !this.#isClosed) this.#handlers.onData?.(bytes);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#handleStderr(text));
    this.#handlers.onStart(child);
  }

  #handleStderr(text: string): void {
    // A progress report is a line that ends with a carriage return.
    const lines = (this.#stderr + text).split(/[\r\n]+/);
    const rest = lines.pop() ?? '';
    for (const line of lines) this.#handlers.onLine?.(line);
    this.#stderr = `${lines.filter((line) => !/^Time: /.test(line)).join('\n')}\n${rest}`.slice(-MAX_STDERR);
  }

  #handleEnd(child: ChildProcess, trouble: DeviceTrouble): void {
    if (this.#child !== child) return;
    this.#child = null;
    if (this.#isClosed) return;
    if (performance.now() - this.#startedAt > HEALTHY_MS) this.#pauseMs = FIRST_PAUSE_MS;
    this.#restartTimer = setTimeout(() => this.#start(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
    this.#handlers.onTrouble(trouble);
  }

  /** It runs, but nothing comes: it is ended, and started again. */
  restartStalled(): void {
    this.#stalled = true;
    this.#child?.kill('SIGKILL');
  }

  /** Ends it; resolves when it is gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), END_PATIENCE_MS);
    await gone;
    clearTimeout(killer);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  }
}
