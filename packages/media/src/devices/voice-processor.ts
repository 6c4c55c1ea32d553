import { Worker } from 'node:worker_threads';
import type { VoiceChoice } from './voice-chain.ts';
import type { VoiceAnswer, VoiceMessage } from './voice-worker.ts';

/** The built programs have the worker beside them. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './voice-worker.ts' : './voice-worker.mjs',
  import.meta.url,
);
/** Blocks of 10 ms that may be under way to the worker and back; more means that it cannot keep up, and they are left out. */
const MAX_UNDER_WAY = 30;

export interface VoiceProcessorHandlers {
  onBlock(block: Int16Array): void;
  /** It does not work, and sound passes unprocessed from now on. */
  onFailed(error: Error): void;
}

/** Passes microphone sound through a {@link VoiceChain} in a worker; past it until that is ready, and when it fails. */
export class VoiceProcessor {
  readonly #handlers: VoiceProcessorHandlers;
  readonly #worker: Worker;
  #isWorking = false;
  #isClosed = false;
  #underWay = 0;

  constructor(choice: VoiceChoice, handlers: VoiceProcessorHandlers, worker: URL = WORKER) {
    this.#handlers = handlers;
    this.#worker = new Worker(worker, { workerData: choice });
    this.#worker.on('message', (answer: VoiceAnswer) => this.#handleAnswer(answer));
    this.#worker.on('error', (error: Error) => this.#handleFailed(error));
    this.#worker.on('exit', () => this.#handleFailed(new Error('the worker ended')));
    this.#worker.unref();
  }

  #handleAnswer(answer: VoiceAnswer): void {
    if (this.#isClosed) return;
    if ('isReady' in answer) this.#isWorking = true;
    else {
      this.#underWay--;
      this.#handlers.onBlock(answer.block);
    }
  }

  #handleFailed(error: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isWorking = false;
    this.#handlers.onFailed(error);
  }

  /** 10 ms from the microphone. */
  process(block: Int16Array): void {
    if (!this.#isWorking) this.#handlers.onBlock(block);
    else if (this.#underWay < MAX_UNDER_WAY) {
      this.#underWay++;
      this.#worker.postMessage({ near: block } satisfies VoiceMessage);
    }
  }

  /** 20 ms that the loudspeaker plays. */
  hear(frame: Int16Array): void {
    if (this.#isWorking && this.#underWay < MAX_UNDER_WAY)
      this.#worker.postMessage({ far: frame } satisfies VoiceMessage);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isWorking = false;
    await this.#worker.terminate();
  }
}
