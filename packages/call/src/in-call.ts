import type { CallMessage } from '@overcall/wire';

/** What one side tells the other in the middle of a call. */
export type InCallMessage = Extract<CallMessage, { t: 'state' | 'keys' }>;

/** What changed, for people. */
export type InCallChange =
  | { event: 'mute' | 'hold'; by: 'self' | 'peer'; on: boolean }
  | { event: 'key'; by: 'self' | 'peer'; key: string };

/** Keys that each message says again: messages may be lost with a way, and overtake each other. */
const KEYS_REPEATED = 32;
/** Keys of the peer that are told: so many at once, and so many a second, which is faster than fingers. Each may start a program. */
const KEYS_AT_ONCE = 64;
const KEYS_PER_S = 20;
const KEY = /^[0-9*#A-D]$/;

const isKey = (key: string): boolean => KEY.test(key);

/**
 * Mute, hold and keys of one leg. Every message says all that is true now, or the last keys with their numbers: the newest
 * one is enough, whatever was lost or came late. Pure.
 */
export class InCall {
  readonly #own = { seq: 0, muted: false, held: false };
  readonly #peer = { seq: 0, muted: false, held: false };
  #pressed = '';
  #pressedCount = 0;
  #heardCount = 0;
  #allowedKeys = KEYS_AT_ONCE;
  #allowedAtMs = 0;
  #changes: InCallChange[] = [];

  /** Drains what there is to tell. */
  poll(): InCallChange[] {
    return this.#changes.splice(0);
  }

  /** The message to send; null when it is so already. */
  setState(name: 'muted' | 'held', on: boolean): InCallMessage | null {
    if (this.#own[name] === on) return null;
    this.#own[name] = on;
    this.#own.seq++;
    this.#changes.push({ event: name === 'muted' ? 'mute' : 'hold', by: 'self', on });
    return { t: 'state', ...this.#own };
  }

  get isMuted(): boolean {
    return this.#own.muted;
  }

  get isHeld(): boolean {
    return this.#own.held;
  }

  /** @throws TypeError for what is no key */
  press(key: string): InCallMessage {
    if (!isKey(key)) throw new TypeError(`no key: ${key}`);
    this.#pressed = (this.#pressed + key).slice(-KEYS_REPEATED);
    this.#pressedCount++;
    this.#changes.push({ event: 'key', by: 'self', key });
    return { t: 'keys', first: this.#pressedCount - this.#pressed.length, keys: this.#pressed };
  }

  handle(message: InCallMessage, nowMs: number): void {
    if (message.t === 'state') this.#handleState(message);
    else this.#handleKeys(message, nowMs);
  }

  #handleState({ seq, muted, held }: Extract<InCallMessage, { t: 'state' }>): void {
    const peer = this.#peer;
    if (seq <= peer.seq) return;
    peer.seq = seq;
    if (peer.muted !== muted) this.#changes.push({ event: 'mute', by: 'peer', on: muted });
    if (peer.held !== held) this.#changes.push({ event: 'hold', by: 'peer', on: held });
    peer.muted = muted;
    peer.held = held;
    // Bounded while the call has not begun and nobody drains: of what came before only the last counts.
    if (this.#changes.length > 2 * KEYS_REPEATED) this.#changes = this.#changes.slice(-KEYS_REPEATED);
  }

  #handleKeys({ first, keys }: Extract<InCallMessage, { t: 'keys' }>, nowMs: number): void {
    const earned = (KEYS_PER_S * (nowMs - this.#allowedAtMs)) / 1000;
    this.#allowedKeys = Math.min(KEYS_AT_ONCE, this.#allowedKeys + Math.max(0, earned));
    this.#allowedAtMs = nowMs;
    for (let i = Math.max(0, this.#heardCount - first); i < keys.length && this.#allowedKeys >= 1; i++) {
      this.#allowedKeys--;
      this.#changes.push({ event: 'key', by: 'peer', key: keys[i]! });
    }
    this.#heardCount = Math.max(this.#heardCount, first + keys.length);
    if (this.#changes.length > 2 * KEYS_REPEATED) this.#changes = this.#changes.slice(-KEYS_REPEATED);
  }
}
