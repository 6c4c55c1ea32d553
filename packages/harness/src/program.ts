import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type ProgramEvent = { event?: string; at?: number } & Record<string, unknown>;

/** How long to wait for an event before the test or demo gives up, ms. */
const DEFAULT_PATIENCE_MS = 20_000;

const running = new Set<ChildProcess>();
/** A test that is ended in the middle (its hook took too long, say) has no other chance to end what it started. */
function endAllAtExit(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** A program that prints newline-delimited JSON, its events so far, and what it said on stderr. */
export class Program {
  readonly name: string;
  readonly events: ProgramEvent[] = [];
  stderr = '';
  /** Exit code; 128 + n after signal n is not used: null becomes -1. */
  readonly exited: Promise<number>;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #isOver = false;

  constructor(name: string, argv: readonly string[], options: { env?: Record<string, string> } = {}) {
    this.name = name;
    this.#child = spawn(argv[0]!, argv.slice(1), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    this.#child.stdin!.on('error', () => {});
    if (running.size === 0) process.on('exit', endAllAtExit);
    running.add(this.#child);
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#handleLine(line));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.stderr += `${error.message}\n`;
        this.#end(() => resolve(-1));
      });
      this.#child.once('close', (code) => this.#end(() => resolve(code ?? -1)));
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  #handleLine(line: string): void {
    let event: ProgramEvent;
    try {
      event = JSON.parse(line) as ProgramEvent;
    } catch {
      event = { event: 'text', text: line };
    }
    this.events.push(event);
    for (const watch of [...this.#watchers]) watch();
  }

  #end(settle: () => void): void {
    this.#isOver = true;
    running.delete(this.#child);
    if (running.size === 0) process.off('exit', endAllAtExit);
    for (const watch of [...this.#watchers]) watch();
    settle();
  }

  find(name: string): ProgramEvent | undefined {
    return this.events.find(({ event }) => event === name);
  }

  /** Calls back for each event, past and to come, in order. */
  follow(handle: (event: ProgramEvent) => void): void {
    let next = 0;
    const watch = () => {
      while (next < this.events.length) handle(this.events[next++]!);
    };
    this.#watchers.add(watch);
    watch();
  }

  /** Resolves with the first event of that name that fits, past or to come; rejects when the program ends first. */
  waitFor(
    name: string,
    options: { where?: (event: ProgramEvent) => boolean; patienceMs?: number } = {},
  ): Promise<ProgramEvent> {
    const fits = (event: ProgramEvent) => event.event === name && (options.where?.(event) ?? true);
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
        done();
      };
      const watch = () => {
        const found = this.events.find(fits);
        if (found) settle(() => resolve(found));
        else if (this.#isOver) settle(() => reject(this.#missing(name, 'ended')));
      };
      const timer = setTimeout(
        () => settle(() => reject(this.#missing(name, 'is silent'))),
        options.patienceMs ?? DEFAULT_PATIENCE_MS,
      );
      this.#watchers.add(watch);
      watch();
    });
  }

  #missing(event: string, what: string): Error {
    const seen = this.events.map((each) => each.event).join(' ');
    return new Error(
      `${this.name} ${what} without "${event}" (events: ${seen || 'none'}) ${this.stderr.trim()}`,
    );
  }

  /** A line on the program's standard input. */
  type(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** Like `| head -1` once it has its line: what the program prints now has no reader. */
  closeOutput(): void {
    this.#child.stdout!.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#isOver) this.#child.kill(signal);
  }

  /** SIGTERM, and SIGKILL when that is not enough. One that was frozen goes on, to hear it. */
  async stop(): Promise<number> {
    this.signal('SIGTERM');
    this.signal('SIGCONT');
    const timer = setTimeout(() => this.signal('SIGKILL'), 5000);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }
}
