import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { SoftphoneEvent } from '../softphone-options.ts';

/** So many run at once; while they do, events wait. */
const MAX_RUNNING = 4;
/** So many events wait; of more the oldest are dropped, which is told to nobody but the log. */
const MAX_WAITING = 64;
/** A program that has not ended by then is ended, with all that it started; and so long the end of the softphone waits, ms. */
const PATIENCE_MS = 10_000;
/** Each second of a call, or more often: not what somebody starts programs for. */
const LEFT_OUT = new Set(['stats', 'ping']);

/** Whether there is such a program, by its path or where `path` (as PATH is) leads. */
export function isProgram(name: string, path = process.env.PATH ?? ''): boolean {
  const places = name.includes('/') ? [name] : path.split(delimiter).map((folder) => join(folder, name));
  return places.some((place) => {
    try {
      accessSync(place, constants.X_OK);
      return statSync(place).isFile();
    } catch {
      return false;
    }
  });
}

/** Runs a program for each event, which gets it as a line of JSON on its standard input. */
export class EventHook {
  readonly #program: string;
  readonly #onTrouble: (text: string) => void;
  readonly #patienceMs: number;
  readonly #waiting: SoftphoneEvent[] = [];
  readonly #running = new Set<ChildProcess>();
  readonly #idle = Promise.withResolvers<void>();
  #isClosing = false;

  constructor(program: string, onTrouble: (text: string) => void, patienceMs = PATIENCE_MS) {
    this.#program = program;
    this.#onTrouble = onTrouble;
    this.#patienceMs = patienceMs;
  }

  handleEvent({ event, ...fields }: SoftphoneEvent, nowMs: number): void {
    if (LEFT_OUT.has(event) || this.#isClosing) return;
    this.#waiting.push({ event, at: nowMs, ...fields });
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.#onTrouble(`--on-event ${this.#program} is too slow: an event was dropped`);
    }
    this.#startNext();
  }

  #startNext(): void {
    if (this.#running.size >= MAX_RUNNING) return;
    const event = this.#waiting.shift();
    if (event !== undefined) this.#start(event);
    else if (this.#isClosing && this.#running.size === 0) this.#idle.resolve();
  }

  #start(event: SoftphoneEvent): void {
    const child = this.#spawn(event.event);
    if (child === null) {
      this.#startNext();
      return;
    }
    this.#running.add(child);
    const timer = setTimeout(() => endGroup(child), this.#patienceMs);
    const end = (trouble: string | null) => {
      if (!this.#running.delete(child)) return;
      clearTimeout(timer);
      if (trouble !== null) this.#tell(trouble);
      this.#startNext();
    };
    child.on('error', (error) => end((error as NodeJS.ErrnoException).code ?? error.message));
    child.on('close', (code, signal) =>
      end(code === 0 ? null : signal === null ? `exit ${code}` : `ended by ${signal}`),
    );
    // A program need not read; and there is no pipe where too many files are open.
    child.stdin?.on('error', () => {});
    child.stdin?.end(`${JSON.stringify(event)}\n`);
  }

  /** In a group of its own: Ctrl-C in the terminal is for the softphone, and what it starts can be ended with it. */
  #spawn(name: string): ChildProcess | null {
    try {
      return spawn(this.#program, [name], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    } catch (error) {
      this.#tell((error as Error).message);
      return null;
    }
  }

  #tell(trouble: string): void {
    this.#onTrouble(`--on-event ${this.#program}: ${trouble}`);
  }

  /** Resolves when what happened so far has been told; what takes too long is ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#startNext();
    const timer = setTimeout(() => {
      if (this.#waiting.length > 0) this.#tell(`too slow: ${this.#waiting.length} events were dropped`);
      this.#waiting.length = 0;
      for (const child of this.#running) endGroup(child);
    }, this.#patienceMs);
    await this.#idle.promise;
    clearTimeout(timer);
  }
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
