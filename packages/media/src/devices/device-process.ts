import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { AudioCommand } from './audio-program.ts';
import { DeviceLife, type DeviceLifeOptions, type DeviceOrder } from './device-life.ts';
import { type DeviceTrouble, troubleOf } from './device-trouble.ts';

/** Kept of what a program says last. */
const MAX_STDERR = 2000;
const MAX_COMPLAINT = 100;
/** Some programs also say what goes well. */
const COMPLAINT = /error|fail|invalid|cannot|can't|could not|unable|unknown|\bno\b|\bnot\b/i;

export interface DeviceProcessHandlers {
  /** It was started, again perhaps. */
  onStart?(child: ChildProcess): void;
  /** Whether sound is of the device that is wanted; what is not is thrown away, and no sign that it works. */
  isWanted?(): boolean;
  onData?(bytes: Buffer): void;
  onLine?(line: string): void;
  /** It is on that device from now on, by what its {@link AudioCommand.placeWatch} says; null: on none any more. */
  onPlace?(device: string | null): void;
  /** It works. */
  onReady(): void;
  /** It ended by itself, or could not be started; it is started again. `isNews` unless that was said before. */
  onLost(trouble: DeviceTrouble, isNews: boolean): void;
}

/** Carries out what a {@link DeviceLife} orders: spawns a program, reads it, ends it. */
export class DeviceProcess {
  readonly #command: AudioCommand;
  readonly #handlers: DeviceProcessHandlers;
  readonly #life: DeviceLife;
  readonly #over = Promise.withResolvers<void>();
  #child: ChildProcess | null = null;
  #watcher: ChildProcess | null = null;
  #stderr = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(command: AudioCommand, options: DeviceLifeOptions, handlers: DeviceProcessHandlers) {
    this.#command = command;
    this.#handlers = handlers;
    this.#life = new DeviceLife(options, performance.now());
    // Whoever makes one has no use for it yet.
    this.#timer = setTimeout(() => this.#pump());
  }

  /** The last complaint on its stderr, if any; not longer than a line of a terminal. */
  get complaint(): string | null {
    const line = this.#stderr.split('\n').findLast((each) => COMPLAINT.test(each));
    return line?.trim().replaceAll(/\p{C}/gu, '').slice(0, MAX_COMPLAINT) ?? null;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** It has shown that it works. */
  noteSign(): void {
    // A hundred times a second: the timer is left alone, and finds nothing to do.
    this.#life.handleSign(performance.now());
    for (const order of this.#life.poll()) this.#carryOut(order);
  }

  /** It is on another device than the one that was asked for: it is ended, and started again. */
  noteGone(): void {
    this.#life.handleGone();
    for (const order of this.#life.poll()) this.#carryOut(order);
  }

  #pump(): void {
    clearTimeout(this.#timer);
    for (const order of this.#life.poll()) this.#carryOut(order);
    if (this.#life.isOver) this.#handleOver();
    const { deadline } = this.#life;
    if (deadline === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#life.handleTimeout(performance.now());
        this.#pump();
      },
      // Node warns people of negative ones.
      Math.max(0, deadline - performance.now()),
    );
  }

  #handleOver(): void {
    // Of one that cannot even be killed nothing is read any more, and this process need not wait for it.
    if (this.#child !== null) letGo(this.#child);
    this.#endWatcher();
    this.#over.resolve();
  }

  #carryOut(order: DeviceOrder): void {
    if (order.type === 'start') this.#start();
    else if (order.type === 'end') this.#signal(order.signal);
    else if (order.type === 'ready') this.#handlers.onReady();
    else this.#handlers.onLost(order.trouble, order.isNews);
  }

  #start(): void {
    const { command, args, env } = this.#command;
    this.#stderr = '';
    this.#startWatcher();
    // In a group of its own, or Ctrl-C in a terminal would end it before the call. Should we be killed, its pipes break, and it
    // ends by itself.
    const child = spawn(command, args, { stdio: 'pipe', detached: true, env: { ...process.env, ...env } });
    this.#child = child;
    child.on('error', (error: NodeJS.ErrnoException) =>
      this.#handleEnd(child, error.code === 'ENOENT' ? 'program-missing' : 'ended'),
    );
    child.on('close', () => this.#handleEnd(child, troubleOf(this.#stderr)));
    // When it is closed nobody waits for its last words, nor for children of its own that hold its pipes.
    child.on('exit', () => {
      if (this.#life.isClosing) this.#handleEnd(child, 'ended');
    });
    // Its pipes break when it dies: that is told by `close`.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {});
    child.stdout.on('data', (bytes: Buffer) => this.#handleData(child, bytes));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#handleStderr(text));
    this.#handlers.onStart?.(child);
  }

  #startWatcher(): void {
    const { placeWatch, env } = this.#command;
    if (placeWatch === undefined) return;
    const watcher = spawn(placeWatch.command, placeWatch.args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
      env: { ...process.env, ...env },
    });
    this.#watcher = watcher;
    // Where there is none the program has to do without.
    watcher.on('error', () => {
      if (this.#watcher === watcher) this.#watcher = null;
    });
    // Nobody would know any more where sound comes from: both are started anew.
    watcher.on('close', () => {
      if (this.#watcher === watcher) this.#signal('SIGKILL');
    });
    const read = placeWatch.reader();
    createInterface({ input: watcher.stdout }).on('line', (line) => {
      if (this.#watcher !== watcher) return;
      const place = read(line);
      if (place !== undefined) this.#handlers.onPlace?.(place);
    });
  }

  #endWatcher(): void {
    const watcher = this.#watcher;
    this.#watcher = null;
    if (watcher === null) return;
    watcher.kill('SIGKILL');
    watcher.stdout?.destroy();
    watcher.unref();
  }

  /** To it and to what it started: all of its group. */
  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    const pid = this.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // It is gone: `close` tells.
    }
  }

  #handleData(child: ChildProcess, bytes: Buffer): void {
    if (this.#child !== child || this.#handlers.onData === undefined) return;
    if (this.#handlers.isWanted?.() === false) return;
    this.noteSign();
    this.#handlers.onData(bytes);
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
    letGo(child);
    this.#endWatcher();
    this.#life.handleEnded(trouble, performance.now());
    this.#pump();
  }

  /** Ends it; resolves when it is gone, or a second later. */
  close(): Promise<void> {
    this.#life.close(performance.now());
    this.#pump();
    return this.#over.promise;
  }
}

function letGo(child: ChildProcess): void {
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  child.unref();
}
