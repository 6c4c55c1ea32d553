import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Capture, type CaptureOptions, startCapture } from './capture.ts';
import { checkLab, impossible, missingTool } from './check.ts';
import { LabError } from './errors.ts';
import { openShaper, type ShaperControl, shaperEnvironment } from './links/control.ts';
import { assertLink, type Link } from './links/link-spec.ts';
import { LINKS_ENDED } from './links/setup-links.ts';
import { READY, setupProgram, shapedWires } from './setup-program.ts';
import { checkSpec, INTERNET, type LabSpec } from './spec.ts';
import { findTool } from './tools.ts';

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A network that stands. Everything in it ends with {@link Lab.close}, or with the process that made it. */
export interface Lab {
  readonly spec: LabSpec;
  /** Settles when the lab is gone: after `close`, or because one of its own processes was killed. */
  readonly gone: Promise<void>;
  /** The address of a host, or of a NAT on its outside. */
  addressOf(node: string): string;
  /**
   * What to spawn so that `argv` runs inside a node (a host, a NAT, or `internet` in the middle). The process that
   * is spawned becomes the program: process id, signals, standard streams, environment, working directory and exit
   * status are its own. It sees itself as root, sees the files of this machine except /run, and dies with whoever
   * spawned it.
   */
  command(node: string, argv: readonly string[]): string[];
  /** Writes a pcap of what a node sends and receives; resolves when nothing will be missed any more. */
  capture(node: string, file: string, options?: CaptureOptions): Promise<Capture>;
  /**
   * Replaces a link of the scenario; resolves when that has taken effect, a few milliseconds later. What is on its way
   * already arrives as it would have.
   */
  setLink(node: string, link: Link): Promise<void>;
  /** Kills every program that runs in the lab, children of programs too, and removes the network. */
  close(): Promise<void>;
}

/**
 * Builds a network.
 * @throws LabError `bad-scenario`, `lab-impossible`, `lab-setup-failed`
 */
export async function startLab(input: LabSpec): Promise<Lab> {
  const spec = checkSpec(input);
  const missing = missingTool();
  if (missing) throw impossible(missing);
  // A session of its own: Ctrl-C at a terminal must reach the programs in the lab, not the ground under them.
  const wires = shapedWires(spec);
  const keeper = spawn('/bin/sh', [script('keeper.sh')], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', ...(wires.length > 0 ? (['pipe'] as const) : [])],
    detached: true,
    cwd: '/',
    env: { ...process.env, ...shaperEnvironment() },
  });
  const setup = keeper.stdio[3] as Socket;
  for (const stream of [keeper.stdin!, setup]) stream.on('error', () => {}); // a dead keeper is reported by its exit
  const answer = waitUntilReady(keeper);
  setup.write(setupProgram(spec));
  try {
    const started = await answer;
    keeper.stdin!.write(`${started.holderPid} ${started.namespaces.join(' ')}\n`);
    const shaper = wires.length > 0 ? await openShaper(keeper, wires) : null;
    return new NamespaceLab(spec, keeper, started, shaper);
  } catch (cause) {
    keeper.stdin!.destroy();
    setup.destroy();
    const check = await checkLab();
    if (!check.possible) throw impossible(check);
    throw new LabError('lab-setup-failed', `the network could not be built: ${(cause as Error).message}`, {
      cause,
    });
  }
}

interface Started {
  /** Process 1 of the lab, by its number outside. */
  holderPid: number;
  namespaces: string[];
  /** Open files that keep the lab's namespaces, and so their numbers, until the last sweep is over. */
  pins: number[];
}

async function waitUntilReady(keeper: ChildProcess): Promise<Started> {
  let complaint = '';
  keeper.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  let said = '';
  keeper.stdout!.setEncoding('utf8');
  const closed = once(keeper, 'close').catch(() => {});
  await new Promise<void>((resolve, reject) => {
    keeper.once('error', reject);
    keeper.stdout!.once('end', resolve);
    keeper.stdout!.on('data', (text: string) => {
      said += text;
      if (said.includes('\n')) resolve();
    });
  });
  const [word, holderPid, ...namespaces] = said.split('\n')[0]!.split(' ');
  if (word !== READY) {
    for (const lifeline of [keeper.stdin, keeper.stdio[3]]) (lifeline as Socket).destroy();
    await closed; // until then, more may be said about it
    throw new Error(complaint.trim().split('\n')[0] || 'the set-up ended early');
  }
  const pins = ['mnt', 'net'].map((kind) => openSync(`/proc/${holderPid}/ns/${kind}`, 'r'));
  return { holderPid: Number(holderPid), namespaces, pins };
}

class NamespaceLab implements Lab {
  readonly spec: LabSpec;
  readonly gone: Promise<void>;
  readonly #keeper: ChildProcess;
  readonly #holderPid: number;
  readonly #pins: readonly number[];
  readonly #addressByName: ReadonlyMap<string, string>;
  readonly #shaper: ShaperControl | null;
  #open = true;

  constructor(
    spec: LabSpec,
    keeper: ChildProcess,
    { holderPid, namespaces, pins }: Started,
    shaper: ShaperControl | null,
  ) {
    this.spec = spec;
    this.#keeper = keeper;
    this.#holderPid = holderPid;
    this.#addressByName = new Map(
      [...spec.hosts, ...(spec.nats ?? [])].map(({ name, address }) => [name, address]),
    );
    this.#pins = pins;
    this.#shaper = shaper;
    const exited = once(keeper, 'exit');
    // The holder has standard output; if it ends, someone killed the holder, and the keeper must follow.
    keeper.stdout!.resume().once('end', () => this.#end());
    // Without the process that plays the links, nothing passes them any more.
    keeper.stdout!.on('data', (text: string) => text.includes(LINKS_ENDED) && this.#end());
    this.gone = exited.then(() => this.#afterKeeper(namespaces));
    // A lab that nobody closes must not keep its maker running: it ends with it.
    this.#hold(false);
  }

  addressOf(node: string): string {
    const address = this.#addressByName.get(node);
    if (address === undefined) throw this.#unknown(node);
    return address;
  }

  command(node: string, argv: readonly string[]): string[] {
    if (!this.#open) throw new LabError('lab-gone', 'the lab is closed');
    if (node !== INTERNET && !this.#addressByName.has(node)) throw this.#unknown(node);
    if (argv.length === 0) throw new TypeError('there is no program in argv');
    const holder = this.#holderPid;
    // Each step replaces the one before it, so the process id stays. Entering namespaces resets the working
    // directory and the parent-death signal: both come after.
    const enter = [
      ...[findTool('nsenter')!, '--target', String(holder), '--user', '--preserve-credentials', '--mount'],
      ...[`--net=/proc/${holder}/root/run/netns/${node}`, findTool('setpriv')!, '--pdeathsig', 'KILL'],
    ];
    return ['/bin/sh', '-c', `exec ${enter.join(' ')} ${findTool('env')!} -C "$PWD" "$@"`, 'lab', ...argv];
  }

  capture(node: string, file: string, options: CaptureOptions = {}): Promise<Capture> {
    return startCapture((argv) => this.command(node, argv), file, options);
  }

  async setLink(node: string, link: Link): Promise<void> {
    assertLink(link);
    if (!this.#addressByName.has(node)) throw this.#unknown(node);
    const isShaped = this.spec.links?.some((each) => each.node === node) ?? false;
    if (!isShaped || this.#shaper === null)
      throw new LabError('no-link', `"${node}" has no entry in "links" of the scenario`);
    if (!this.#open) throw new LabError('lab-gone', 'the lab is closed');
    await this.#shaper.order({ set: { node, link } });
  }

  async close(): Promise<void> {
    this.#end();
    await this.gone;
  }

  /** The end of the lifelines tells keeper and holder to remove everything. */
  #end(): void {
    this.#open = false;
    this.#hold(true);
    this.#shaper?.fail(new LabError('lab-gone', 'the lab is closed'));
    for (const index of [0, 3, 4]) (this.#keeper.stdio[index] as Socket | undefined)?.destroy();
  }

  /** Normally the keeper has swept already; when it was killed itself, this does it in its place. */
  async #afterKeeper(namespaces: readonly string[]): Promise<void> {
    this.#end();
    if (this.#keeper.exitCode !== 0) {
      const sweep = spawn('/bin/sh', [script('sweep.sh'), ...namespaces], { stdio: 'ignore' });
      await once(sweep, 'exit');
    }
    for (const pin of this.#pins) closeSync(pin);
  }

  #hold(on: boolean): void {
    for (const handle of [this.#keeper, ...this.#keeper.stdio] as unknown as Socket[]) {
      if (on) handle.ref();
      else handle.unref();
    }
  }

  #unknown(node: string): LabError {
    const names = [...this.#addressByName.keys(), INTERNET].join(', ');
    return new LabError('unknown-node', `there is no "${node}" in this lab; it has ${names}`);
  }
}
