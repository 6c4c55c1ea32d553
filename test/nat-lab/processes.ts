import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** In the environment of what tests start: a {@link Family} is known by it, and `npm test` tells by it what runs beside. */
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

  constructor(argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const [program, ...args] = argv;
    this.child = spawn(program!, args, {
      env: { ...process.env, ...env, [MARK]: this.#mark },
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: '/',
    });
    this.child.stdin!.on('error', () => {}); // whoever reads it is killed
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
          if (!environOf(entry).includes(`${MARK}=${this.#mark}`)) return [];
          const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
          return command === '' ? [] : [{ pid: Number(entry), command }];
        } catch {
          return []; // it ended in the meantime, or belongs to somebody else
        }
      });
  }

  /**
   * Processes that are in one of these namespaces or hold one open. Only those that were there at the given time, and
   * belong to no test that runs beside: the kernel hands the numbers of namespaces that are gone to the next ones.
   * @param sinceBoot clock ticks, see {@link startOf}
   */
  holdersOf(namespaces: ReadonlySet<string>, sinceBoot: number): string[] {
    return readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid || startOf(pid) > sinceBoot) return false;
      if (this.#isOfOthers(pid)) return false;
      const open = existsSync(`/proc/${pid}/fd`) ? linksIn(`/proc/${pid}/fd`, filesOf(pid)) : [];
      return [...namespacesOf(pid), ...open].some((link) => namespaces.has(link));
    });
  }

  #isOfOthers(pid: string): boolean {
    try {
      const environ = environOf(pid);
      return environ.includes(`${MARK}=`) && !environ.includes(`${MARK}=${this.#mark}`);
    } catch {
      return false; // it ended in the meantime, or belongs to somebody else
    }
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
    for (const { pid } of this.members()) killIfThere(pid);
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

const environOf = (pid: string): string => readFileSync(`/proc/${pid}/environ`, 'utf8');

/** SIGKILL; false if it had ended already. */
export function killIfThere(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

const NAMESPACE_KINDS = ['user', 'mnt', 'net', 'pid'] as const;

function linksIn(folder: string, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)];
    } catch {
      return []; // it ended in the meantime, or belongs to somebody else
    }
  });
}

const namespacesOf = (pid: number | string): string[] => linksIn(`/proc/${pid}/ns`, NAMESPACE_KINDS);

/** Of these processes, those namespaces in which the test itself is not, as `net:[NUMBER]`. */
export function foreignNamespaces(processes: readonly MarkedProcess[]): Set<string> {
  const own = new Set(namespacesOf('self'));
  return new Set(processes.flatMap(({ pid }) => namespacesOf(pid)).filter((link) => !own.has(link)));
}

function filesOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

/** When a process started, in clock ticks after boot (field 22 of /proc/PID/stat); one that has ended, never. */
export function startOf(pid: string | number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return fields[0] === 'Z' ? Number.POSITIVE_INFINITY : Number(fields[19]);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
