import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Network, openLoopbackStage, type Program } from '@overcall/harness';
import { readRecording, samplesSource, WavWriter } from '@overcall/media';

const SPEECH = fileURLToPath(new URL('../../test/recordings/alice.wav', import.meta.url));
/** Until code is compiled that runs fifty times a second, s. */
const WARM_UP_S = 10;
/** For what is measured after the calls of which the recording has to be long enough, s. */
const SPARE_S = 10;
export type Build = 'native' | 'WebAssembly';

export interface MeasuredCall {
  caller: Program;
  callee: Program;
  end(): Promise<void>;
}

/** Calls on loopback, with speech both ways, to be looked at from outside. */
export class MeasuredCalls {
  readonly #folder: string;
  readonly #network: Network;
  /** A recording of what is said, as often as is needed. */
  readonly speech: string;
  /** What is said, once. */
  readonly samples: Int16Array;

  private constructor(folder: string, network: Network, samples: Int16Array) {
    this.#folder = folder;
    this.#network = network;
    this.samples = samples;
    this.speech = join(folder, 'speech.wav');
  }

  /** @param seconds that are measured of each call */
  static async open(seconds: number): Promise<MeasuredCalls> {
    const folder = mkdtempSync(join(tmpdir(), 'overcall-cpu-'));
    const network = await Network.start(openLoopbackStage(), join(folder, 'network'));
    const calls = new MeasuredCalls(folder, network, await readRecording(SPEECH));
    await Promise.all(['alice', 'bob'].map((user) => network.register(user, user)));
    const writer = new WavWriter(calls.speech);
    for (let s = 0; s < WARM_UP_S + seconds + SPARE_S; s += calls.samples.length / 48_000) {
      const source = samplesSource(calls.samples, 'speech');
      for (let frame = source.next(); frame !== null; frame = source.next()) writer.write(frame);
    }
    await writer.close();
    return calls;
  }

  /** A call that has warmed up. */
  async place(caller: Build, callee: Build): Promise<MeasuredCall> {
    const audio = ['--play', this.speech, '--record', 'null'];
    const bob = started(callee, () =>
      this.#network.overcall('bob', 'bob', 'listen', '--auto-answer', '--once', ...audio),
    );
    await bob.waitFor('attached', { patienceMs: 60_000 });
    const alice = started(caller, () => this.#network.overcall('alice', 'alice', 'call', 'bob', ...audio));
    await alice.waitFor('first-audio', { patienceMs: 60_000 });
    await sleep(WARM_UP_S);
    const end = async () => {
      await alice.stop();
      await bob.exited;
    };
    return { caller: alice, callee: bob, end };
  }

  async close(): Promise<void> {
    await this.#network.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** `@overcall/media` takes the native build unless this is set. */
function started<T>(build: Build, start: () => T): T {
  if (build === 'WebAssembly') process.env.OPUS_FORCE_WASM = '1';
  try {
    return start();
  } finally {
    delete process.env.OPUS_FORCE_WASM;
  }
}

export const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
