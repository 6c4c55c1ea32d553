import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MARK = 'OVERCALL_LAB_TEST';

export interface MarkedProcess {
  pid: number;
  command: string;
}

/** A program and everything that it starts, known by a variable in their environment. */
export class Family {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #mark = randomUUID();

  constructor(argv: readonly string[]) {
    const [program, ...args] = argv;
    this.child = spawn(program!, args, {
      env: { ...process.env, [MARK]: this.#mark },
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: '/',
    });
    const lines: Interface = createInterface({ input: this.child.stdout! });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value as string;
  }

  /** Those who live, zombies not among them. */
  members(): MarkedProcess[] {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .flatMap((entry) => {
        try {
          if (!readFileSync(`/proc/${entry}/environ`, 'utf8').includes(`${MARK}=${this.#mark}`)) return [];
          const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
          return command === '' ? [] : [{ pid: Number(entry), command }];
        } catch {
          return []; // it ended in the meantime, or belongs to somebody else
        }
      });
  }

  /** Waits until at most the named process is left, and returns whoever is. */
  async remaining(limitMs: number, except = 0): Promise<MarkedProcess[]> {
    let left: MarkedProcess[] = [];
    for (let waitedMs = 0; waitedMs <= limitMs; waitedMs += 20) {
      left = this.members().filter(({ pid }) => pid !== except);
      if (left.length === 0) break;
      await delay(20);
    }
    return left;
  }

  /** For a test that has failed: what it left must not stay on the machine. */
  killAll(): void {
    for (const { pid } of this.members()) process.kill(pid, 'SIGKILL');
  }

  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
  }
}

/** The mounts that the test itself sees: a lab must not add any. */
export const mounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

export const OWNER = fileURLToPath(new URL('lab-owner.ts', import.meta.url));
