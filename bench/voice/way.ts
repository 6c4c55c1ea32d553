import { LossModel, Random } from '@overcall/sim';

/** IP, UDP, media header and tag around a payload. */
export const OVERHEAD_BYTES = 51;

/** What a path does to packets, from some time on. */
export interface WayKind {
  delayMs: number;
  /** Uniform, up to this. */
  jitterMs?: number;
  /** Standard deviation of normal jitter besides, cut off where a packet would take no time at all. */
  normalMs?: number;
  /** What comes later waits for what was before it, as on the links of the lab: one late packet holds up the next ones. */
  inOrder?: boolean;
  lossPct?: number;
  /** Mean length of bursts, packets of 20 ms. */
  meanBurst?: number;
  /** What is more than this, IP and UDP included, is dropped: a token bucket of {@link POLICER_BYTES}. */
  policedKbitPerS?: number;
}

const POLICER_BYTES = 1500;

/** A link of so many kbit/s that several ways go through. */
export class Bottleneck {
  #kbitPerS: number;
  #freeAtMs = 0;
  readonly queuesMs: number[] = [];

  constructor(kbitPerS: number) {
    this.#kbitPerS = kbitPerS;
  }

  /** From now on it carries so much. */
  become(kbitPerS: number): void {
    this.#kbitPerS = kbitPerS;
  }

  /** When a packet has passed. */
  pass(bytes: number, nowMs: number): number {
    const queueMs = Math.max(0, this.#freeAtMs - nowMs);
    this.queuesMs.push(queueMs);
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (bytes * 8) / this.#kbitPerS;
    return this.#freeAtMs;
  }
}

/** One direction of a path, in virtual time and seeded. */
export class Way {
  readonly #random: Random;
  readonly #bottleneck: Bottleneck | null;
  #kind: WayKind;
  #loss: LossModel;
  #tokens = POLICER_BYTES;
  #tokensAtMs = 0;
  #lastAtMs = 0;
  #arrivals: { counter: number; bytes: Uint8Array; atMs: number }[] = [];

  constructor(kind: WayKind, seed: number, bottleneck: Bottleneck | null = null) {
    this.#random = new Random(seed);
    this.#bottleneck = bottleneck;
    this.#kind = kind;
    this.#loss = this.#lossOf(kind);
  }

  become(kind: WayKind): void {
    this.#kind = kind;
    this.#loss = this.#lossOf(kind);
  }

  #lossOf({ lossPct = 0, meanBurst }: WayKind): LossModel {
    return new LossModel(meanBurst === undefined ? { lossPct } : { lossPct, meanBurst }, this.#random);
  }

  send(counter: number, bytes: Uint8Array, nowMs: number): void {
    if (!this.#isWithinPolice(bytes.length + OVERHEAD_BYTES, nowMs)) return;
    const passedAtMs = this.#bottleneck?.pass(bytes.length + OVERHEAD_BYTES, nowMs) ?? nowMs;
    if (this.#loss.next()) return;
    const { inOrder = false } = this.#kind;
    const passesAtMs = passedAtMs + this.#delayMs();
    const atMs = inOrder ? Math.max(passesAtMs, this.#lastAtMs) : passesAtMs;
    this.#lastAtMs = atMs;
    this.#arrivals.push({ counter, bytes, atMs });
  }

  #delayMs(): number {
    const { delayMs, jitterMs = 0, normalMs = 0 } = this.#kind;
    const uniform = jitterMs === 0 ? 0 : jitterMs * this.#random.fraction();
    if (normalMs === 0) return delayMs + uniform;
    // Box and Muller.
    const [one, other] = [1 - this.#random.fraction(), this.#random.fraction()];
    const deviation = Math.sqrt(-2 * Math.log(one)) * Math.cos(2 * Math.PI * other);
    return delayMs + uniform + Math.max(-delayMs, normalMs * deviation);
  }

  #isWithinPolice(bytes: number, nowMs: number): boolean {
    const { policedKbitPerS } = this.#kind;
    if (policedKbitPerS === undefined) return true;
    const refilled = ((nowMs - this.#tokensAtMs) * policedKbitPerS) / 8;
    this.#tokens = Math.min(POLICER_BYTES, this.#tokens + refilled);
    this.#tokensAtMs = nowMs;
    if (this.#tokens < bytes) return false;
    this.#tokens -= bytes;
    return true;
  }

  /** What has arrived by now, in the order of arrival. */
  take(nowMs: number): { counter: number; bytes: Uint8Array; atMs: number }[] {
    const due = this.#arrivals.filter(({ atMs }) => atMs <= nowMs).sort((a, b) => a.atMs - b.atMs);
    this.#arrivals = this.#arrivals.filter(({ atMs }) => atMs > nowMs);
    return due;
  }
}
