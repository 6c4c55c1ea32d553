import { writeSync } from 'node:fs';
import type { ReadStream, WriteStream } from 'node:tty';
import { type Key, KeyReader } from './phone/key-reader.ts';
import { type Picture, Screen } from './phone/screen.ts';

/** What a key sends after ESC follows at once, over a slow line too; a lone ESC is the key itself, ms. */
const ESCAPE_PATIENCE_MS = 100;
/** File descriptor of standard output. */
const STDOUT = 1;
const BELL = '\x07';
/** Signals that end a program and that nobody else listens to: the terminal is put in order first. */
const FATAL = ['SIGQUIT', 'SIGALRM', 'SIGUSR2', 'SIGXCPU', 'SIGVTALRM'] as const;

export interface TerminalHandlers {
  onKey(key: Key): void;
  /** Draw again: another size, or back from the background. */
  onResize(): void;
}

/**
 * The terminal while something fills its screen: raw keys in, pictures out. However the program ends, by a signal or an
 * exception, `exit` handlers run and the terminal is as before. (Not after SIGKILL: `reset` helps then.)
 */
export class Terminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #handlers: TerminalHandlers;
  readonly #reader = new KeyReader();
  readonly #screen = new Screen();
  #escapeTimer: NodeJS.Timeout | undefined;
  #isOpen = false;

  constructor(input: ReadStream, output: WriteStream, handlers: TerminalHandlers) {
    this.#input = input;
    this.#output = output;
    this.#handlers = handlers;
  }

  get columns(): number {
    return Math.max(20, this.#output.columns || 80);
  }

  get rows(): number {
    return Math.max(4, this.#output.rows || 24);
  }

  open(): void {
    this.#input.setEncoding('utf8');
    this.#input.on('data', this.#handleData);
    this.#input.on('error', this.#handleLost);
    this.#input.on('end', this.#handleLost);
    this.#output.on('resize', this.#handleResize);
    process.on('exit', this.#leave);
    // What is printed of a crash is to be read.
    process.on('uncaughtExceptionMonitor', this.#leave);
    process.on('SIGTSTP', this.#handleStop);
    process.on('SIGCONT', this.#handleContinue);
    for (const signal of FATAL) process.on(signal, this.#handleFatal);
    this.#enter();
  }

  #enter(): void {
    this.#isOpen = true;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(Screen.enter);
    this.#screen.resize(this.columns, this.rows);
  }

  /** Also while the program ends, when only what is written synchronously gets out. */
  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#input.setRawMode(false);
      writeSync(STDOUT, Screen.leave);
    } catch {
      // The terminal is gone.
    }
  };

  close(): void {
    clearTimeout(this.#escapeTimer);
    this.#input.off('data', this.#handleData);
    this.#input.off('end', this.#handleLost);
    this.#output.off('resize', this.#handleResize);
    process.off('exit', this.#leave);
    process.off('uncaughtExceptionMonitor', this.#leave);
    process.off('SIGTSTP', this.#handleStop);
    process.off('SIGCONT', this.#handleContinue);
    for (const signal of FATAL) process.off(signal, this.#handleFatal);
    this.#leave();
    this.#input.pause();
  }

  draw(picture: Picture): void {
    if (!this.#isOpen) return;
    const text = this.#screen.draw(picture);
    if (text !== '') this.#output.write(text);
  }

  bell(): void {
    if (this.#isOpen) this.#output.write(BELL);
  }

  /** Everything is written again by the next picture. */
  redraw(): void {
    this.#screen.resize(this.columns, this.rows);
  }

  readonly #handleData = (text: string): void => {
    clearTimeout(this.#escapeTimer);
    for (const key of this.#reader.read(text)) this.#handlers.onKey(key);
    if (!this.#reader.isWaiting) return;
    this.#escapeTimer = setTimeout(() => {
      for (const key of this.#reader.flush()) this.#handlers.onKey(key);
    }, ESCAPE_PATIENCE_MS);
  };

  readonly #handleResize = (): void => {
    this.redraw();
    this.#handlers.onResize();
  };

  readonly #handleLost = (): void => this.#handlers.onKey({ type: 'interrupt' });

  readonly #handleFatal = (signal: NodeJS.Signals): void => {
    this.close();
    // Without a listener it does what it always did.
    process.kill(process.pid, signal);
  };

  readonly #handleStop = (): void => {
    this.#leave();
    process.kill(process.pid, 'SIGSTOP');
  };

  readonly #handleContinue = (): void => {
    this.#leave();
    this.#enter();
    this.#handlers.onResize();
  };
}
