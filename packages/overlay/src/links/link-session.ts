import { type LinkMessage, readLinkMessage } from '@overcall/wire';
import { TokenBucket } from '../token-bucket.ts';
import {
  DEAD_AFTER_MS,
  HANDSHAKE_TIMEOUT_MS,
  LINGER_MS,
  LINK_CHARS,
  LINK_MESSAGES,
  LINK_VERSIONS,
  MAX_PENDING,
  MISUNDERSTOOD,
  PING_AFTER_MS,
} from './link-limits.ts';

/** A message of those that come after both have proven who they are. */
export type JoinedMessage = Exclude<LinkMessage, { t: 'hello' | 'join' | 'ping' | 'pong' }>;

/** What a link makes of one message. */
export type LinkStep =
  | { kind: 'hello'; supernode: string; nonce: string }
  | { kind: 'join'; proof: string }
  | { kind: 'pong'; id: number }
  | { kind: 'message'; message: JoinedMessage }
  /** Waits until the proof has been checked. */
  | { kind: 'hold' }
  | { kind: 'drop'; code: string }
  | { kind: 'close'; code: string };

/**
 * One link to another supernode:
 *
 * - whoever dialed: connecting -> greeting (hello sent) -> their hello -> proving (join sent) -> their join -> checking -> joined
 * - whoever was dialed: greeting -> their hello -> their join -> checking -> joined (join sent)
 *
 * A stranger has to prove first, and holds a nonce, a deadline and three counters until then.
 */
export class LinkSession {
  readonly number: number;
  readonly nonce: string;
  /** Who was dialed; null when this supernode was. */
  readonly dialed: string | null;
  phase: 'connecting' | 'greeting' | 'proving' | 'checking' | 'joined' | 'lingering' | 'closed';
  /** Who is at the other end: proven once it is joined. */
  peer: string | null;
  theirNonce: string | null = null;
  joinedAtMs = 0;
  /** When something other than pings was last said. */
  usedAtMs: number;
  heardAtMs: number;
  /** When it must be joined, or gone. */
  #deadlineMs: number;
  readonly #held: LinkMessage[] = [];
  #hasHello = false;
  #hasJoin = false;
  #pingedAtMs = 0;
  readonly #messages: TokenBucket;
  readonly #chars: TokenBucket;
  readonly #misunderstood: TokenBucket;

  constructor(number: number, nonce: string, dialed: string | null, nowMs: number) {
    this.number = number;
    this.nonce = nonce;
    this.dialed = dialed;
    this.peer = dialed;
    this.phase = dialed === null ? 'greeting' : 'connecting';
    this.usedAtMs = nowMs;
    this.heardAtMs = nowMs;
    this.#deadlineMs = nowMs + HANDSHAKE_TIMEOUT_MS;
    this.#messages = new TokenBucket(LINK_MESSAGES, nowMs);
    this.#chars = new TokenBucket(LINK_CHARS, nowMs);
    this.#misunderstood = new TokenBucket(MISUNDERSTOOD, nowMs);
  }

  get isJoined(): boolean {
    return this.phase === 'joined';
  }

  handleText(text: string, nowMs: number): LinkStep {
    if (this.phase === 'closed' || this.phase === 'connecting') return { kind: 'drop', code: 'closed' };
    this.heardAtMs = nowMs;
    if (!this.#messages.take(nowMs) || !this.#chars.take(nowMs, text.length))
      return this.#isKnown ? { kind: 'drop', code: 'rate-limited' } : { kind: 'close', code: 'rate-limited' };
    const message = readLinkMessage(text);
    if (message === null) {
      const mayGoOn = this.#isKnown && this.#misunderstood.take(nowMs);
      return { kind: mayGoOn ? 'drop' : 'close', code: 'not-understood' };
    }
    if (this.#isKnown) return this.#handleJoined(message, nowMs);
    return this.#hold(message) ?? this.#handleStranger(message);
  }

  /**
   * The other side has joined already, and talks while its proof is still being checked here. Only to whom this supernode has
   * dialed: the TLS certificate says who that is.
   */
  #hold(message: LinkMessage): LinkStep | null {
    if (this.phase !== 'checking' || this.dialed === null || message.t === 'join') return null;
    if (this.#held.length >= MAX_PENDING) return { kind: 'drop', code: 'rate-limited' };
    this.#held.push(message);
    return { kind: 'hold' };
  }

  /** What was said in the meantime, now that it is joined. */
  takeHeld(nowMs: number): LinkStep[] {
    return this.#held.splice(0).map((message) => this.#handleJoined(message, nowMs));
  }

  get #isKnown(): boolean {
    return this.phase === 'joined' || this.phase === 'lingering';
  }

  #handleJoined(message: LinkMessage, nowMs: number): LinkStep {
    switch (message.t) {
      case 'hello':
      case 'join':
        return { kind: 'close', code: 'already-joined' };
      case 'ping':
        return { kind: 'pong', id: message.id };
      case 'pong':
        return { kind: 'drop', code: 'pong' };
      default:
        this.usedAtMs = nowMs;
        return { kind: 'message', message };
    }
  }

  #handleStranger(message: LinkMessage): LinkStep {
    if (message.t === 'hello' && !this.#hasHello) {
      this.#hasHello = true;
      if (!message.versions.some((version) => LINK_VERSIONS.includes(version)))
        return { kind: 'close', code: 'version' };
      if (this.dialed !== null && message.supernode !== this.dialed)
        return { kind: 'close', code: 'wrong-supernode' };
      this.peer = message.supernode;
      this.theirNonce = message.nonce;
      return { kind: 'hello', supernode: message.supernode, nonce: message.nonce };
    }
    // One check of a signature: the dearest thing a stranger can ask for.
    const mayJoin = this.phase === (this.dialed === null ? 'greeting' : 'proving') && this.#hasHello;
    if (message.t === 'join' && mayJoin && !this.#hasJoin) {
      this.#hasJoin = true;
      this.phase = 'checking';
      return { kind: 'join', proof: message.proof };
    }
    return { kind: 'close', code: 'not-joined' };
  }

  handleOpened(): void {
    this.phase = 'greeting';
  }

  /** Our proof is ready to be sent. */
  handleSigned(): void {
    if (this.dialed !== null && this.phase === 'greeting') this.phase = 'proving';
  }

  handleJoined(nowMs: number): void {
    this.phase = 'joined';
    this.joinedAtMs = nowMs;
    this.usedAtMs = nowMs;
    this.heardAtMs = nowMs;
  }

  /** Another link to the same supernode is used from now on. */
  linger(nowMs: number): void {
    this.phase = 'lingering';
    this.#deadlineMs = nowMs + LINGER_MS;
  }

  /** Why it must be closed now; null when it need not. */
  whyOver(nowMs: number): 'handshake-timeout' | 'silent' | 'replaced' | null {
    if (this.phase === 'joined') return nowMs - this.heardAtMs >= DEAD_AFTER_MS ? 'silent' : null;
    if (nowMs < this.#deadlineMs) return null;
    return this.phase === 'lingering' ? 'replaced' : 'handshake-timeout';
  }

  /** Whether to ping now; `random` is 0 to 1. */
  takePing(random: number, nowMs: number): boolean {
    const quietMs = nowMs - Math.max(this.heardAtMs, this.#pingedAtMs);
    if (this.phase !== 'joined' || quietMs < PING_AFTER_MS * (1 - random / 3)) return false;
    this.#pingedAtMs = nowMs;
    return true;
  }
}
