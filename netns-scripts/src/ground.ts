import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from './errors.ts';
import { findTool } from './tools.ts';

/** The namespaces of a lab that stands, entered through process 1 of it. */
export class Ground {
  readonly #holderPid: number;
  /** The lab's own programs in nodes: a `kill` of the node spares them. */
  readonly #own = new Set<ChildProcess>();

  constructor(holderPid: number) {
    this.#holderPid = holderPid;
  }

  /** The lab's private /run. */
  get runFolder(): string {
    return `/proc/${this.#holderPid}/root/run`;
  }

  /** What to spawn so that `argv` runs in a node, or (null) in the namespace where wires are made. */
  command(node: string | null, argv: readonly string[]): string[] {
    // Each step replaces the one before it, so the process id stays. Entering namespaces resets the working
    // directory and the parent-death signal: both come after. The working directory is found through the holder: who comes
    // in when that is gone already starts nothing, for the sweep may have looked before (sweep.sh).
    const enter = [
      ...[findTool('nsenter')!, '--target', String(this.#holderPid), '--user', '--preserve-credentials'],
      ...['--mount', `--net=${this.#netns(node)}`, findTool('setpriv')!, '--pdeathsig', 'KILL'],
    ];
    const cd = `${findTool('env')!} -C "/proc/${this.#holderPid}/root$PWD"`;
    return ['/bin/sh', '-c', `exec ${enter.join(' ')} ${cd} "$@"`, 'lab', ...argv];
  }

  /** Runs a shell program with the rights of the lab's root. @throws LabError `event-failed` */
  async run(node: string | null, program: string): Promise<void> {
    const [first, ...args] = this.command(node, ['/bin/sh', '-e']);
    const child = spawn(first!, args, { stdio: ['pipe', 'ignore', 'pipe'], cwd: '/' });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.stdin.on('error', () => {}); // its exit tells more
    child.stdin.end(`PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH\n${program}\n`);
    const [code] = await once(child, 'close');
    if (code !== 0)
      throw new LabError('event-failed', complaint.trim().split('\n')[0] || `sh ended with ${code}`);
  }

  nft(node: string, rules: string): Promise<void> {
    return this.run(node, `nft -f - <<'NFT'\n${rules}\nNFT`);
  }

  /** A program that the lab needs to do its work. */
  spawnOwn(node: string, argv: readonly string[]): ChildProcess {
    const child = this.spawnService(node, argv);
    this.spare(child);
    return child;
  }

  /** A program that belongs to the scenario, and dies with its node. */
  spawnService(node: string, argv: readonly string[]): ChildProcess {
    const [program, ...args] = this.command(node, argv);
    const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'pipe'], cwd: '/' });
    child.stdin!.on('error', () => {});
    return child;
  }

  spare(child: ChildProcess): void {
    this.#own.add(child);
    child.once('exit', () => this.#own.delete(child));
  }

  /** SIGKILL to everything that runs in a node, until nothing does. */
  async killAll(node: string): Promise<void> {
    for (;;) {
      const victims = this.#programsOf(node);
      if (victims.length === 0) return;
      for (const pid of victims) signal(pid, 'SIGKILL');
      await delay(5);
    }
  }

  /** SIGSTOP to everything that runs in a node: it is there, and does nothing any more. */
  freezeAll(node: string): void {
    for (const pid of this.#programsOf(node)) signal(pid, 'SIGSTOP');
  }

  #programsOf(node: string): string[] {
    const link = `net:[${statSync(this.#netns(node)).ino}]`;
    const own = new Set([...this.#own].map(({ pid }) => pid));
    return readdirSync('/proc').filter(
      (entry) => /^\d+$/.test(entry) && namespaceOf(entry) === link && !own.has(Number(entry)),
    );
  }

  #netns(node: string | null): string {
    return node === null ? `/proc/${this.#holderPid}/ns/net` : `${this.runFolder}/netns/${node}`;
  }
}

function signal(pid: string, name: NodeJS.Signals): void {
  try {
    process.kill(Number(pid), name);
  } catch {
    // It has ended in the meantime.
  }
}

function namespaceOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null; // ended, or somebody else's
  }
}
