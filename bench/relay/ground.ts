import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Where relays listen; everybody else is behind it, in the documentation networks. */
export const RELAY_ADDRESS = '203.0.113.1';
/** The generator has one processor for itself, and the relay that is measured the other. */
const GENERATOR_CPU = '0';
const RELAY_CPU = '1';

/** The generator comes before everything else on its processor, and what it starts does not inherit that. */
const REAL_TIME = ['chrt', '--reset-on-fork', '--fifo', '1'];
/** Relays come before whatever else this machine does; real-time priority is bad for Node (RESULTS.md). */
const PREFERRED = ['nice', '-n', '-20'];

/** A command where this system allows it; nothing otherwise. */
const whereAllowed = (command: readonly string[]): readonly string[] =>
  spawnSync(command[0]!, [...command.slice(1), 'true']).status === 0 ? command : [];

/**
 * Runs this very program again in namespaces of its own, of the network and of processes, which end with it. Nothing has
 * a name, so nothing can be left behind.
 */
function reenter(file: string, args: readonly string[]): ChildProcess {
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const priority = asRoot.length === 0 ? whereAllowed(REAL_TIME) : [];
  const node = [process.execPath, '--expose-gc', '--single-threaded-gc', file, ...args];
  const program = ['taskset', '-c', GENERATOR_CPU, ...priority, ...node];
  const own = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  return spawn('unshare', [...asRoot, ...own, ...program], {
    stdio: 'inherit',
    env: { ...process.env, RELAY_BENCH: priority.length > 0 ? 'real-time' : 'ordinary' },
  });
}

/**
 * Runs `measure` on a ground of its own: this program once more, inside, ended from here by a signal or after `limitMs`. Sets the
 * exit code.
 */
export async function onGround(
  file: string,
  limitMs: number,
  measure: (ground: Ground) => Promise<void>,
): Promise<void> {
  if (process.env.RELAY_BENCH !== undefined) {
    const ground = await Ground.open();
    await measure(ground).finally(() => ground.close());
    return;
  }
  const child = reenter(file, process.argv.slice(2));
  const end = () => child.kill('SIGKILL');
  const limit = setTimeout(end, limitMs);
  // Inside it is process 1, which signals do not end by themselves.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  child.once('exit', (code) => {
    clearTimeout(limit);
    process.exitCode = code ?? 1;
  });
}

/** Two namespaces and a wire: the generator is in this one. */
export class Ground {
  readonly interfaceIndex: number;
  /** Of the relay's end. */
  readonly mac: string;
  readonly #holder: ChildProcess;
  readonly #preferred = whereAllowed(PREFERRED);

  private constructor(holder: ChildProcess, interfaceIndex: number, mac: string) {
    this.#holder = holder;
    this.interfaceIndex = interfaceIndex;
    this.mac = mac;
  }

  static async open(): Promise<Ground> {
    // `cat` ends when this process does: its input is a pipe from here.
    const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const ownNamespace = readlinkSync('/proc/self/ns/net');
    while (readlinkSync(`/proc/${holder.pid}/ns/net`) === ownNamespace) await delay(5);
    const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });
    const inside = (...args: string[]) => ip2(holder.pid!, args);
    ip('link', 'add', 'g0', 'type', 'veth', 'peer', 'name', 'r0', 'netns', `${holder.pid}`);
    ip('link', 'set', 'g0', 'up');
    inside('link', 'set', 'lo', 'up');
    // Without ARP, frames go out at once to the own address of the interface. The generator reads them all the same,
    // and its kernel takes them for somebody else's: no errors come back from there.
    inside('link', 'set', 'r0', 'arp', 'off');
    inside('address', 'add', `${RELAY_ADDRESS}/24`, 'dev', 'r0');
    inside('link', 'set', 'r0', 'up');
    inside('route', 'add', 'default', 'dev', 'r0');
    const [own] = JSON.parse(ip('-j', 'link', 'show', 'g0')) as { ifindex: number }[];
    const [far] = JSON.parse(inside('-j', 'link', 'show', 'r0')) as { address: string }[];
    return new Ground(holder, own!.ifindex, far!.address);
  }

  /** Starts a program where the relay belongs, on its processor. */
  spawn(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    const command = ['-t', `${this.#holder.pid}`, '-n', 'taskset', '-c', RELAY_CPU, ...this.#preferred];
    return spawn('nsenter', [...command, program, ...args], options);
  }

  /** Where the relay belongs, packets to others are sent back over the wire. */
  routeBack(): void {
    const settings = ['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.send_redirects=0'];
    const own = [
      'net.ipv4.conf.r0.send_redirects=0',
      'net.ipv4.conf.r0.rp_filter=0',
      'net.ipv4.conf.all.rp_filter=0',
    ];
    execFileSync('nsenter', ['-t', `${this.#holder.pid}`, '-n', 'sysctl', '-qw', ...settings, ...own]);
  }

  close(): void {
    this.#holder.kill();
  }
}

function ip2(holderPid: number, args: readonly string[]): string {
  return execFileSync('nsenter', ['-t', `${holderPid}`, '-n', 'ip', ...args], { encoding: 'utf8' });
}
