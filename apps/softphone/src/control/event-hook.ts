import { spawn } from 'node:child_process';
import type { SoftphoneEvent } from '../softphone-options.ts';

/** So many run at once; while they do, events wait. */
const MAX_RUNNING = 4;
/** So many events wait; of more the oldest are dropped, which is told to nobody but the log. */
const MAX_WAITING = 64;
/** A program that has not ended by then is ended, ms. */
const PATIENCE_MS = 10_000;
/** Each second of a call, or more often: not what somebody starts programs for. */
const LEFT_OUT = new Set(['stats', 'ping']);

/** Runs a program for each event, which gets it as a line of JSON on its standard input. */
export class EventHook {
  readonly #program: string;
  readonly #onTrouble: (text: string) => void;
  readonly #waiting: SoftphoneEvent[] = [];
  #running = 0;

  constructor(program: string, onTrouble: (text: string) => void) {
    this.#program = program;
    this.#onTrouble = onTrouble;
  }

  handleEvent({ event, ...fields }: SoftphoneEvent, nowMs: number): void {
    if (LEFT_OUT.has(event)) return;
    this.#waiting.push({ event, at: nowMs, ...fields });
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.#onTrouble(`--on-event ${this.#program} is too slow: an event was dropped`);
    }
    this.#startNext();
  }

  #startNext(): void {
    if (this.#running >= MAX_RUNNING) return;
    const event = this.#waiting.shift();
    if (event === undefined) return;
    this.#running++;
    const child = spawn(this.#program, [event.event], {
      stdio: ['pipe', 'ignore', 'ignore'],
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    });
    let isOver = false;
    const end = (trouble: string | null) => {
      if (isOver) return;
      isOver = true;
      this.#running--;
      if (trouble !== null) this.#onTrouble(`--on-event ${this.#program}: ${trouble}`);
      this.#startNext();
    };
    child.on('error', (error) => end((error as NodeJS.ErrnoException).code ?? error.message));
    child.on('close', (code, signal) =>
      end(code === 0 ? null : signal === null ? `exit ${code}` : `ended by ${signal}`),
    );
    // A program need not read.
    child.stdin.on('error', () => {});
    child.stdin.end(`${JSON.stringify(event)}\n`);
  }
}
