import { Worker } from 'node:worker_threads';
import type { VoiceChoice } from './voice-chain.ts';
import type { VoiceAnswer, VoiceMessage } from './voice-worker.ts';
import { WorkerWatch } from './worker-watch.ts';

/** The built programs have the worker beside them. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './voice-worker.ts' : './voice-worker.mjs',
  import.meta.url,
);

/** A microphone that delivered nothing but zeros for so many blocks, 1 s, is switched off: there is nothing to clean. */
const OFF_AFTER_BLOCKS = 100;

export interface VoiceProcessorHandlers {
  onBlock(block: Int16Array): void;
  /** It does not work, and sound passes unprocessed from now on. Called once at most. */
  onFailed(error: Error): void;
}

/**
 * Passes microphone sound through a {@link VoiceChain} in a worker; past it while that is not ready or late, when it fails, and while
 * nobody hears it. The chain then gets nothing of either side, so both go on together where they stopped.
 */
export class VoiceProcessor {
  readonly #handlers: VoiceProcessorHandlers;
  readonly #worker: Worker;
  readonly #watch = new WorkerWatch(performance.now());
  /** Blocks under way, as they were sent: should no answer come, they pass like this. */
  readonly #underWay: Int16Array[] = [];
  /** Closed, or failed. */
  #isOver = false;
  #isMuted = false;
  /** So many blocks in a row were nothing but zeros. */
  #zeroBlocks = 0;

  constructor(choice: VoiceChoice, handlers: VoiceProcessorHandlers, worker: URL = WORKER) {
    this.#handlers = handlers;
    this.#worker = new Worker(worker, { workerData: choice });
    this.#worker.on('message', (answer: VoiceAnswer) => this.#handleAnswer(answer));
    this.#worker.on('error', (error: Error) => this.#handleFailed(error));
    this.#worker.on('exit', () => this.#handleFailed(new Error('the worker ended')));
    this.#worker.unref();
  }

  #handleAnswer(answer: VoiceAnswer): void {
    if (this.#isOver) return;
    if ('isReady' in answer) this.#watch.handleReady();
    else if (this.#watch.handleAnswer()) {
      this.#underWay.shift();
      this.#handlers.onBlock(answer.block);
    }
  }

  #handleFailed(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#passUnprocessed();
    this.#handlers.onFailed(error);
  }

  #passUnprocessed(): void {
    for (const block of this.#underWay.splice(0)) this.#handlers.onBlock(block);
  }

  /** 10 ms from the microphone. */
  process(block: Int16Array): void {
    this.#zeroBlocks = block.every((sample) => sample === 0) ? this.#zeroBlocks + 1 : 0;
    if (this.#isResting) {
      this.#handlers.onBlock(block);
      return;
    }
    if (!this.#isOver && this.#watch.handleBlock(performance.now())) {
      this.#underWay.push(block);
      this.#worker.postMessage({ near: block } satisfies VoiceMessage);
      return;
    }
    this.#passUnprocessed();
    this.#handlers.onBlock(block);
    if (!this.#watch.isGivenUp || this.#isOver) return;
    this.#handleFailed(new Error('the worker does not keep up'));
    void this.#worker.terminate();
  }

  /** 20 ms that the loudspeaker plays. */
  hear(frame: Int16Array): void {
    if (!this.#isOver && !this.#isResting && this.#watch.handlePlayed())
      this.#worker.postMessage({ far: frame } satisfies VoiceMessage);
  }

  /** Nobody hears the microphone now, or somebody does again. */
  setMuted(on: boolean): void {
    this.#isMuted = on;
  }

  get #isResting(): boolean {
    return this.#isMuted || this.#zeroBlocks >= OFF_AFTER_BLOCKS;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#worker.terminate();
  }
}
