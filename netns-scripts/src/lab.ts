import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Capture, type CaptureOptions, startCapture } from './capture.ts';
import { carryOut, type Standing } from './carry-out.ts';
import { checkLab, impossible, missingFor } from './check.ts';
import { missingTool } from './check-machine.ts';
import { LabError } from './errors.ts';
import { Ground } from './ground.ts';
import { openShaper, type ShaperControl, shaperEnvironment } from './links/control.ts';
import { assertLink, type Link } from './links/link-spec.ts';
import { isNetemAskedFor, setNetem } from './links/netem.ts';
import { LINKS_ENDED } from './links/setup-links.ts';
import { replaceNatRules } from './nat-rules.ts';
import { Translator } from './nat64/control.ts';
import { PortMappingServers } from './port-mapping/servers.ts';
import { type Proof, proveNats } from './probe/prove.ts';
import { startProxies } from './proxies.ts';
import { READY, setupProgram, shapedWires } from './setup-program.ts';
import {
  applyToSpec,
  checkEvent,
  checkSpec,
  gateway6Of,
  type HostSpec,
  INTERNET,
  type LabEvent,
  type LabSpec,
  type NatSpec,
  networkProblems,
} from './spec.ts';
import { type Node, neighboursOf, nodesOf } from './wiring.ts';
import { usesIpv6 } from './wiring6.ts';

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A network that stands. Everything in it ends with {@link Lab.close}, or with the process that made it. */
export interface Lab {
  /** The network as it is now. */
  readonly spec: LabSpec;
  /** Settles when the lab is gone: after `close`, or because one of its own processes was killed. */
  readonly gone: Promise<void>;
  /** What programs in the lab see as /run, seen from outside; it goes with the lab. */
  readonly runFolder: string;
  /** The IPv4 address of a host, or of a NAT on its outside; of a host without one, the IPv6 address. */
  addressOf(node: string): string;
  /** The IPv6 address of a host, or of a router on its inside; null where there is none. */
  address6Of(node: string): string | null;
  /**
   * What to spawn so that `argv` runs inside a node (a host, a NAT, or `internet` in the middle). The process that
   * is spawned becomes the program: process id, signals, standard streams, environment, working directory and exit
   * status are its own. It sees itself as root, sees the files of this machine except /run, and dies with whoever
   * spawned it.
   */
  command(node: string, argv: readonly string[]): string[];
  /**
   * Makes something happen: see `LabEvent` for what. Resolves when it has happened; events happen one after the
   * other. `spec` and `addressOf` then tell the new state.
   * @throws LabError `bad-scenario`, `bad-event`, `unknown-node`, `event-failed`
   */
  apply(event: LabEvent): Promise<void>;
  /**
   * Measures from inside how each NAT behaves and compares with the scenario; afterwards the NATs have forgotten
   * everything. What is measured behind a NAT should count only after this.
   * @throws LabError `nat-not-as-claimed`
   */
  prove(): Promise<Proof[]>;
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
  const missing = missingTool() ?? missingFor(spec);
  if (missing) throw impossible(missing);
  // A session of its own: Ctrl-C at a terminal must reach the programs in the lab, not the ground under them.
  const netem = (spec.links ?? []).length > 0 && (await isNetemAskedFor());
  const built = netem ? { ...spec, links: [] } : spec;
  const wires = shapedWires(built);
  const keeper = spawn('/bin/sh', [script('keeper.sh')], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', ...(wires.length > 0 ? (['pipe'] as const) : [])],
    detached: true,
    cwd: '/',
    env: { ...process.env, ...shaperEnvironment() },
  });
  // From now on: a keeper that is killed while the rest is built is to be swept after, too.
  const exited = new Promise<void>((resolve) => keeper.once('exit', () => resolve()));
  const setup = keeper.stdio[3] as Socket;
  for (const stream of [keeper.stdin!, setup]) stream.on('error', () => {}); // a dead keeper is reported by its exit
  const answer = waitUntilReady(keeper);
  setup.write(setupProgram(built));
  try {
    const started = await answer;
    keeper.stdin!.write(`${started.holderPid} ${started.namespaces.join(' ')}\n`);
    const shaper = wires.length > 0 ? await openShaper(keeper, started.holderPid, wires) : null;
    const ground = new Ground(started.holderPid);
    const portMapping = new PortMappingServers(ground);
    const [translator] = await Promise.all([
      Translator.start(ground, nodesOf(spec)),
      startProxies(ground, spec),
      portMapping.startAll(spec.nats ?? []),
    ]);
    if (netem) for (const { node, ...link } of spec.links!) await setNetem(ground, spec, spec, node, link);
    return new NamespaceLab(spec, keeper, { ...started, exited }, ground, shaper, portMapping, translator);
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
  readonly gone: Promise<void>;
  readonly #keeper: ChildProcess;
  readonly #pins: readonly number[];
  readonly #ground: Ground;
  readonly #standing: Standing;
  readonly #generationByNat = new Map<string, number>();
  readonly #shaper: ShaperControl | null;
  /** As they are now. */
  readonly #linkByNode: Map<string, Link>;
  #spec: LabSpec;
  #lastEvent: Promise<unknown> = Promise.resolve();
  #open = true;

  constructor(
    spec: LabSpec,
    keeper: ChildProcess,
    { namespaces, pins, exited }: Started & { exited: Promise<void> },
    ground: Ground,
    shaper: ShaperControl | null,
    portMapping: PortMappingServers,
    translator: Translator | null,
  ) {
    this.#spec = spec;
    this.#keeper = keeper;
    this.#ground = ground;
    const nextGeneration = (nat: string) => this.#nextGeneration(nat);
    const setLink = (node: string, link: Link) => this.#orderLink(node, link);
    const translate = async (nodes: readonly Node[]) => translator?.set(nodes);
    this.#standing = {
      ground: this.#ground,
      original: spec,
      nextGeneration,
      setLink,
      portMapping,
      translate,
    };
    this.#pins = pins;
    this.#shaper = shaper;
    this.#linkByNode = new Map((spec.links ?? []).map(({ node, ...link }) => [node, link]));
    // The holder has standard output; if it ends, someone killed the holder, and the keeper must follow.
    keeper.stdout!.resume().once('end', () => this.#end());
    // Without the process that plays the links, nothing passes them any more.
    keeper.stdout!.on('data', (text: string) => text.includes(LINKS_ENDED) && this.#end());
    // Nor does anything pass a NAT64 without the one that translates.
    translator?.onEnd(() => this.#end());
    this.gone = exited.then(() => this.#afterKeeper(namespaces));
    // A lab that nobody closes must not keep its maker running: it ends with it.
    this.#hold(false);
  }

  get spec(): LabSpec {
    return this.#spec;
  }

  get runFolder(): string {
    return this.#ground.runFolder;
  }

  addressOf(node: string): string {
    const { address } = this.#node(node);
    return address ?? this.address6Of(node)!; // a host has one or the other
  }

  address6Of(name: string): string | null {
    const node = this.#node(name);
    if (!('inside' in node)) return node.address6 ?? null;
    return node.inside6 === undefined ? null : gateway6Of(node.inside6).address;
  }

  #node(node: string): HostSpec | NatSpec {
    return this.#nodes().find(({ name }) => name === node) ?? this.#unknown(node);
  }

  command(node: string, argv: readonly string[]): string[] {
    this.#mustBeOpen();
    if (node !== INTERNET) this.addressOf(node);
    if (argv.length === 0) throw new TypeError('there is no program in argv');
    return this.#ground.command(node, argv);
  }

  async capture(node: string, file: string, options: CaptureOptions = {}): Promise<Capture> {
    return startCapture(
      (argv) => this.command(node, argv),
      file,
      options,
      (child) => this.#ground.spare(child),
    );
  }

  apply(event: LabEvent): Promise<void> {
    return this.#afterOthers(async () => {
      const after = applyToSpec(this.#spec, this.#standing.original, checkEvent(event));
      const [wrong] = networkProblems(after);
      if (wrong) throw new LabError('bad-event', `${event.do}: ${wrong.message}`);
      if (usesIpv6(after) && !usesIpv6(this.#standing.original))
        throw new LabError('bad-event', `${event.do}: there is no IPv6 in this network`);
      await carryOut(this.#standing, this.#spec, after, event);
      this.#spec = after;
    });
  }

  prove(): Promise<Proof[]> {
    return this.#afterOthers(async () => {
      const nats = this.#spec.nats ?? [];
      const nodes = nodesOf(this.#spec, this.#standing.original);
      const proofs = await this.#withoutLinks(() => proveNats(this.#ground, this.#spec, nodes));
      const fresh = (nat: NatSpec) =>
        replaceNatRules(nat, neighboursOf(nat, nodes), this.#nextGeneration(nat.name));
      await Promise.all(nats.map((nat) => this.#ground.nft(nat.name, fresh(nat))));
      return proofs;
    });
  }

  /** Events change the network from one known state to the next. */
  #afterOthers<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#lastEvent.then(() => {
      this.#mustBeOpen();
      return change();
    });
    this.#lastEvent = result.catch(() => {});
    return result;
  }

  #nextGeneration(nat: string): number {
    const next = (this.#generationByNat.get(nat) ?? 1) + 1;
    this.#generationByNat.set(nat, next);
    return next;
  }

  #nodes(): (HostSpec | NatSpec)[] {
    return [...this.#spec.hosts, ...(this.#spec.nats ?? [])];
  }

  #mustBeOpen(): void {
    if (!this.#open) throw new LabError('lab-gone', 'the lab is closed');
  }

  setLink(node: string, link: Link): Promise<void> {
    return this.#afterOthers(async () => {
      this.addressOf(node);
      assertLink(link);
      await this.#orderLink(node, link);
    });
  }

  async #orderLink(node: string, link: Link): Promise<void> {
    if (!this.#linkByNode.has(node))
      throw new LabError('no-link', `"${node}" has no entry in "links" of the scenario`);
    await this.#playLink(node, link);
    this.#linkByNode.set(node, link);
  }

  async #playLink(node: string, link: Link): Promise<void> {
    if (this.#shaper) await this.#shaper.order({ set: { node, link } });
    else await setNetem(this.#ground, this.#spec, this.#standing.original, node, link);
  }

  /** NATs are measured over links that do nothing: what a bad link loses would look like a filter. */
  async #withoutLinks<T>(measure: () => Promise<T>): Promise<T> {
    for (const node of this.#linkByNode.keys()) await this.#playLink(node, {});
    try {
      return await measure();
    } finally {
      if (this.#open) for (const [node, link] of this.#linkByNode) await this.#playLink(node, link);
    }
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

  #unknown(node: string): never {
    const names = [...this.#nodes().map(({ name }) => name), INTERNET].join(', ');
    throw new LabError('unknown-node', `there is no "${node}" in this lab; it has ${names}`);
  }
}
