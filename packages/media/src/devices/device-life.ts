import type { DeviceTrouble } from './device-trouble.ts';

/** Pauses before a program is started again, ms: short, so that sound is back within half a second of the device. A try costs 5 ms of a core. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 300;
/** After so long without a failure the pauses begin anew, ms. */
const HEALTHY_MS = 2000;
/** How long a program may take to end when asked to, and once more when killed, ms: one that hangs in a driver ends by neither. */
const END_PATIENCE_MS = 500;
/** A device that gives no sign of life for this long, ms, is opened anew; the first sign may take longer. */
const STALL_MS = 1500;
const FIRST_SIGN_MS = 4000;
/** Whoever looks for signs so late has slept: they may be waiting to be read, and get so long for it, ms. */
const OVERSLEPT_MS = 250;

/** What is to be done about a device, or told. */
export type DeviceOrder =
  | { type: 'start' }
  | { type: 'end'; signal: 'SIGTERM' | 'SIGKILL' }
  /** It works, again perhaps. */
  | { type: 'ready' }
  /** The program is gone, and will be started again; `isNews` unless that was said already since it worked last. */
  | { type: 'lost'; trouble: DeviceTrouble; isNews: boolean };

export interface DeviceLifeOptions {
  /** Whether it gives signs of life all the time that it works, so that their absence means something. */
  isWatched: boolean;
  /** A program that says nothing is taken to work when it has run for so long, ms; null: it gives a sign. */
  readyAfterMs: number | null;
}

type State = 'waiting' | 'opening' | 'working' | 'closing' | 'closed';

/**
 * The life of the program behind a microphone or speaker: started, watched, ended when it hangs, started again with growing
 * pauses whenever it ends, until it is closed. Pure: whoever runs it carries out the orders of {@link poll} and calls
 * {@link handleTimeout} at {@link deadline}.
 */
export class DeviceLife {
  readonly #options: DeviceLifeOptions;
  readonly #orders: DeviceOrder[] = [];
  #state: State = 'waiting';
  #startedAtMs = 0;
  #signAtMs = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #restartAtMs: number;
  /** While it is closed: when it is killed, and then when it is given up. */
  #patienceEndsAtMs = Number.POSITIVE_INFINITY;
  #isKilled = false;
  /** Why it was ended by us: then what it said last explains nothing. */
  #endedFor: DeviceTrouble | null = null;
  #isLossTold = false;

  constructor(options: DeviceLifeOptions, nowMs: number) {
    this.#options = options;
    this.#restartAtMs = nowMs;
    this.handleTimeout(nowMs);
  }

  /** Whether no program runs any more that could be ended, and none will. */
  get isOver(): boolean {
    return this.#state === 'closed';
  }

  get isClosing(): boolean {
    return this.#state === 'closing';
  }

  poll(): DeviceOrder[] {
    return this.#orders.splice(0);
  }

  /** When {@link handleTimeout} is to be called; Infinity when there is nothing to wait for. */
  get deadline(): number {
    if (this.#state === 'waiting') return this.#restartAtMs;
    if (this.#state === 'closing') return this.#patienceEndsAtMs;
    if (this.#state === 'closed') return Number.POSITIVE_INFINITY;
    const { readyAfterMs } = this.#options;
    if (this.#state === 'working' || readyAfterMs === null) return this.#stallsAtMs;
    return Math.min(this.#stallsAtMs, this.#startedAtMs + readyAfterMs);
  }

  get #stallsAtMs(): number {
    if (!this.#options.isWatched || this.#endedFor !== null) return Number.POSITIVE_INFINITY;
    return this.#signAtMs + (this.#state === 'working' ? STALL_MS : FIRST_SIGN_MS);
  }

  /** Sound came from it, or it said that it plays. */
  handleSign(nowMs: number): void {
    // What it wrote before it was killed may still come.
    if (this.#endedFor !== null || (this.#state !== 'opening' && this.#state !== 'working')) return;
    this.#signAtMs = nowMs;
    if (this.#state === 'opening') this.#becomeReady();
  }

  #becomeReady(): void {
    this.#state = 'working';
    this.#isLossTold = false;
    this.#orders.push({ type: 'ready' });
  }

  /** The program ended, or could not be started; `trouble` is what its last words mean. */
  handleEnded(trouble: DeviceTrouble, nowMs: number): void {
    if (this.#state === 'closing') this.#state = 'closed';
    if (this.#state !== 'opening' && this.#state !== 'working') return;
    if (nowMs - this.#startedAtMs > HEALTHY_MS) this.#pauseMs = FIRST_PAUSE_MS;
    this.#state = 'waiting';
    this.#restartAtMs = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
    const isNews = !this.#isLossTold;
    this.#isLossTold = true;
    this.#orders.push({ type: 'lost', trouble: this.#endedFor ?? trouble, isNews });
  }

  handleTimeout(nowMs: number): void {
    if (nowMs < this.deadline) return;
    if (this.#state === 'waiting') this.#start(nowMs);
    else if (this.#state === 'closing') this.#handleUnended(nowMs);
    else if (nowMs >= this.#stallsAtMs) this.#handleStall(nowMs);
    else this.handleSign(nowMs);
  }

  #handleUnended(nowMs: number): void {
    if (this.#isKilled) {
      this.#state = 'closed';
      return;
    }
    this.#isKilled = true;
    this.#patienceEndsAtMs = nowMs + END_PATIENCE_MS;
    this.#orders.push({ type: 'end', signal: 'SIGKILL' });
  }

  #handleStall(nowMs: number): void {
    const lateMs = nowMs - this.#stallsAtMs;
    if (lateMs >= OVERSLEPT_MS) this.#signAtMs += lateMs + OVERSLEPT_MS;
    else this.#end('stalled');
  }

  /** The device has gone, and the program was put on another one. */
  handleGone(): void {
    if (this.#state === 'opening' || this.#state === 'working') this.#end('device-gone');
  }

  #end(trouble: DeviceTrouble): void {
    if (this.#endedFor !== null) return;
    this.#endedFor = trouble;
    this.#orders.push({ type: 'end', signal: 'SIGKILL' });
  }

  #start(nowMs: number): void {
    this.#state = 'opening';
    this.#startedAtMs = nowMs;
    this.#signAtMs = nowMs;
    this.#endedFor = null;
    this.#orders.push({ type: 'start' });
  }

  /** Nobody needs it any more. */
  close(nowMs: number): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    const isRunning = this.#state !== 'waiting';
    this.#state = isRunning ? 'closing' : 'closed';
    if (!isRunning) return;
    this.#patienceEndsAtMs = nowMs + END_PATIENCE_MS;
    this.#orders.push({ type: 'end', signal: 'SIGTERM' });
  }
}
