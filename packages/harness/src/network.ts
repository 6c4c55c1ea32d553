import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramName } from '@overcall/release';
import { buildPrograms, programFile, sharedCode } from './built-programs.ts';
import { Program, type ProgramEvent } from './program.ts';
import type { Place, Stage } from './stage.ts';

/** Every program of one network shares an address on loopback; limits per address are not what is shown. */
const RATE_LIMIT = '6000';
/** Where supernodes are administered in a lab: each has a loopback of its own. */
export const LAB_ADMIN = '127.0.0.1:3480';
/** In a lab everybody has an address, and firewalls let the usual ports pass. On loopback: any free port. */
const LAB_PORTS = { directory: 443, supernode: 3478, stunAlt: 3479, supernodeTcp: 443 };

export interface NetworkOptions {
  directoryArgs?: string[];
  supernodeArgs?: string[] | ((place: Place) => string[]);
  /** Where supernodes are started at first; each bears the name of its place. Default: one at `supernode`. */
  supernodes?: readonly Place[];
  /** How long each of the programs that are started at first may take until it serves, ms. */
  patienceMs?: number;
  /** Stops every program, and none is started afterwards; `start` fails when it is not done. */
  end?: AbortSignal | undefined;
}

/** A directory and supernodes, running, and softphones to add. Everything stops with `close`. */
export class Network {
  readonly stage: Stage;
  readonly folder: string;
  readonly directoryUrl: string;
  directory: Program;
  /** The one that was started last. */
  supernode: Program;
  readonly #programs: Program[] = [];
  readonly #options: NetworkOptions;

  private constructor(
    stage: Stage,
    folder: string,
    options: NetworkOptions,
    directory: Program,
    url: string,
  ) {
    this.stage = stage;
    this.folder = folder;
    this.#options = options;
    this.directory = directory;
    this.directoryUrl = url;
    this.supernode = directory;
    this.#programs.push(directory);
  }

  /** Starts directory and supernodes in `folder`, which keeps their data, and waits until all serve. */
  static async start(stage: Stage, folder: string, options: NetworkOptions = {}): Promise<Network> {
    // Nobody gets a network to close when this fails, so nothing of it may be left running.
    let stop = async (): Promise<unknown> => undefined;
    options.end?.addEventListener('abort', () => void stop());
    try {
      await buildPrograms();
      mkdirSync(folder, { recursive: true });
      const port = stage.kind === 'lab' ? LAB_PORTS.directory : 0;
      const directory = startDirectory(stage, folder, port, options);
      stop = () => directory.stop();
      const { url } = await directory.waitFor('listening', patienceOf(options));
      const network = new Network(stage, folder, options, directory, String(url));
      stop = () => network.stopPrograms();
      const places = options.supernodes ?? ['supernode'];
      await Promise.all(places.map((place) => network.startSupernode(place)));
      return network;
    } catch (error) {
      await stop();
      await stage.close();
      throw error;
    }
  }

  /** Starts a supernode at a place, whose name it bears, and waits until it serves. */
  async startSupernode(place: Place = 'supernode', port = 0): Promise<Program> {
    const ip = this.stage.addressOf(place);
    const isLab = this.stage.kind === 'lab';
    const { supernode, stunAlt, supernodeTcp } = LAB_PORTS;
    const { supernodeArgs = [] } = this.#options;
    const argv = [
      ...['run', '--directory', this.directoryUrl, '--public-address', ip.replace(/[[\]]/g, '')],
      ...(isLab
        ? [
            '--listen',
            `${ip}:${supernode}`,
            '--tcp-listen',
            `${ip}:${supernodeTcp}`,
            '--insecure-http',
            '--admin',
            LAB_ADMIN,
          ]
        : ['--listen', `${ip}:${port}`, '--allow-net', '127.0.0.0/8']),
      ...['--stun-alt-port', String(isLab ? stunAlt : 0)],
      ...['--name', place, '--data', join(this.folder, place), '--json', '--log-level', 'warn'],
      ...(typeof supernodeArgs === 'function' ? supernodeArgs(place) : supernodeArgs),
    ];
    const program = this.run(place, place, 'supernode', argv);
    this.supernode = program;
    await program.waitFor('listening', patienceOf(this.#options));
    return program;
  }

  /** Starts the directory again on its port and data, after it was stopped or killed. */
  async restartDirectory(): Promise<void> {
    const port = Number(new URL(this.directoryUrl).port);
    this.directory = startDirectory(this.stage, this.folder, port, this.#options);
    this.#programs.push(this.directory);
    await this.directory.waitFor('listening');
  }

  /** Runs one of the three commands at a place. */
  run(place: Place, name: string, command: ProgramName, argv: string[]): Program {
    this.#options.end?.throwIfAborted();
    const started = this.stage.command(place, [process.execPath, programFile(command), ...argv]);
    // Outside the lab there are routers of others.
    const quiet = this.stage.kind === 'lab' ? {} : { OVERCALL_NO_PORT_MAPPING: '1' };
    const env = { ...sharedCode(), ...this.stage.environmentOf?.(place), ...quiet };
    const program = new Program(name, started, { env });
    this.#programs.push(program);
    return program;
  }

  homeOf(user: string): string {
    return join(this.folder, `home-${user}`);
  }

  /** `overcall` of a user, with `--json`. */
  overcall(place: Place, user: string, ...argv: string[]): Program {
    const bind = ['listen', 'call', 'ping'].includes(argv[0] ?? '') && this.stage.kind === 'loopback';
    return this.run(place, `${user}: overcall ${argv[0]}`, 'softphone', [
      ...argv,
      ...(bind ? ['--bind', '127.0.0.1'] : []),
      ...['--home', this.homeOf(user), '--directory', this.directoryUrl, '--json'],
      ...(this.stage.kind === 'lab' ? ['--insecure-http'] : []),
    ]);
  }

  /** Runs `overcall` to its end; the last event it printed. @throws Error when it fails */
  async result(place: Place, user: string, ...argv: string[]): Promise<ProgramEvent> {
    const program = this.overcall(place, user, ...argv);
    const code = await program.exited;
    if (code !== 0) throw new Error(`${program.name} ended with ${code}: ${program.stderr.trim()}`);
    return program.events.at(-1) ?? {};
  }

  register(place: Place, user: string): Promise<ProgramEvent> {
    return this.result(place, user, 'register', user);
  }

  /** Every program that was started so far, those that have ended too. */
  get programs(): readonly Program[] {
    return this.#programs;
  }

  async stopPrograms(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
  }

  async close(): Promise<void> {
    await this.stopPrograms();
    await this.stage.close();
  }
}

function patienceOf({ patienceMs }: NetworkOptions): { patienceMs?: number } {
  return patienceMs === undefined ? {} : { patienceMs };
}

function startDirectory(stage: Stage, folder: string, port: number, options: NetworkOptions): Program {
  options.end?.throwIfAborted();
  const argv = [
    ...['run', '--listen', `${stage.addressOf('directory')}:${port}`, '--data', join(folder, 'directory')],
    ...['--json', '--log-level', 'warn', '--rate-limit', RATE_LIMIT],
    ...(stage.kind === 'lab' ? ['--insecure-http'] : []),
    ...(options.directoryArgs ?? []),
  ];
  const started = stage.command('directory', [process.execPath, programFile('directory'), ...argv]);
  return new Program('directory', started, { env: sharedCode() });
}
