import { join } from 'node:path';
import { Network, type Program, type ProgramEvent } from '@overcall/harness';
import { LabError } from '../errors.ts';
import type { Lab } from '../lab.ts';
import { labStage } from '../lab-stage.ts';
import { type CallSpec, type LabSpec, supernodesOf } from '../spec.ts';
import { detachFaults, startIdle } from './detaching.ts';
import { writeLogs } from './evidence.ts';
import { placeCall, startListener } from './place-call.ts';
import { type CallReport, pathReport } from './report.ts';

export type Progress = (event: string, fields: object) => void;

/** What is to happen from the answer on. */
export interface Happenings {
  /** Ends when its signal is aborted. */
  play(over: AbortSignal): Promise<void>;
  /** When the first of it did happen, ms after the answer: on a busy machine later than it was to. Null before that. */
  readonly firstMs: number | null;
}

export interface Scene {
  lab: Lab;
  spec: LabSpec & { call: CallSpec };
  seconds: number;
  /** For logs. */
  folder: string;
  progress: Progress;
  happenings: Happenings;
  /** Ends the wait for programs to start. */
  end: AbortSignal | undefined;
}

/** Directory, supernodes and softphones in a lab that stands, and one call between two of these. */
export class PlayedCall {
  readonly #scene: Scene;
  readonly #over = new AbortController();
  #network: Network | undefined;
  #answered: ProgramEvent | undefined;
  #happening = Promise.resolve();
  /** In what it was not as it should be. */
  readonly faults: string[] = [];
  /** What its programs said: names of files in the folder. */
  logs: string[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /**
   * Ends with all programs stopped, to be called once.
   * @returns null when it came to no call; why is then among the faults
   * @throws LabError
   */
  async play(): Promise<CallReport | null> {
    try {
      return await this.#talk(await this.#serve());
    } catch (error) {
      if (error instanceof LabError) throw error;
      this.faults.push((error as Error).message.split('\n')[0]!);
      return null;
    } finally {
      this.#over.abort();
      await this.#network?.stopPrograms();
      this.logs = writeLogs(this.#network?.programs ?? [], this.#scene.folder);
      await this.#happening;
    }
  }

  async #serve(): Promise<Network> {
    const { lab, spec, end, progress } = this.#scene;
    const { from, to, idle = [], directory } = spec.call;
    // In the lab's own /run, so that it goes with the lab however that ends.
    const data = join(lab.runFolder, 'call');
    // The lab outlives its programs: captures are to be complete.
    const stage = { ...labStage(lab), close: async () => {} };
    const network = await Network.start(stage, data, { supernodes: supernodesOf(spec), end });
    this.#network = network;
    progress('serving', { supernodes: supernodesOf(spec) });
    await Promise.all([from, to, ...idle].map((user) => network.register(user, user)));
    if (directory === 'killed') {
      network.directory.signal('SIGKILL');
      await network.directory.exited;
    }
    return network;
  }

  async #talk(network: Network): Promise<CallReport> {
    const { spec, seconds, progress } = this.#scene;
    const { from, to, idle: idleHosts = [], lookup } = spec.call;
    const listener = await startListener(network, to);
    const idle = await Promise.all(
      idleHosts.map(async (host) => startIdle(await startListener(network, host), spec)),
    );
    progress('calling', { from, to });
    const onEvent = (event: ProgramEvent) => this.#handleEvent(event);
    const { report, caller } = await placeCall(network, from, to, { listener, onEvent, seconds });
    await this.#judgeDetaching([caller, listener, ...idle]);
    if (lookup === 'afterwards') await this.#lookUpAgain(network);
    progress('ended', {
      caller: report.caller.ended,
      callee: report.callee.ended,
      durationS: report.durationS,
    });
    return report;
  }

  /** Of the caller's softphone. */
  #handleEvent(event: ProgramEvent): void {
    const { spec, progress, happenings } = this.#scene;
    if (event.event === 'answered') {
      this.#answered = event;
      progress('answered', { setupMs: event.setupMs });
      this.#happening = happenings.play(this.#over.signal);
      this.#happening.catch(() => {}); // awaited when the call is over
    } else if (event.event === 'path') {
      const { atMs, kind, transport, via, rttMs } = pathReport(event, this.#answered);
      progress('path', { atMs, kind, transport, via, rttMs });
    } else if (event.event === 'first-audio') {
      progress('first-audio', { host: spec.call.from, msSinceAnswer: event.msSinceAnswer });
    }
  }

  async #judgeDetaching(programs: readonly Program[]): Promise<void> {
    const { spec, happenings } = this.#scene;
    const { call } = spec;
    if (call.detaches === undefined || this.#answered === undefined) return;
    const eventAt = Number(this.#answered.at) + (happenings.firstMs ?? 0);
    this.faults.push(...(await detachFaults(programs, call.detaches, eventAt)));
  }

  /** Somebody who is found is attached, too. */
  async #lookUpAgain(network: Network): Promise<void> {
    const { from, to } = this.#scene.spec.call;
    const looking = network.overcall(from, from, 'lookup', to);
    const code = await looking.exited;
    if (code !== 0) this.faults.push(`afterwards ${from} did not find ${to}: ${looking.stderr.trim()}`);
  }
}
