import { ArrivalJitter } from './arrival-jitter.ts';
import { FirstTrend } from './first-trend.ts';

/** The earliest packets of so long tell what a packet takes that waits for nothing, ms; for longer while there is a queue. */
const BASE_BUCKET_MS = 1000;
const BASE_BUCKETS = 4;
const BASE_BUCKETS_IN_QUEUE = 10;
/** A queue is what even the earliest of the last packets waited, beyond the jitter. */
const LEVEL_PACKETS = 3;
const LEVEL_WITHIN_MS = 400;
const LEVEL_PER_JITTER = 2.5;
/**
 * A queue that builds up makes each group of packets later than the one before: groups of so many frames of 20 ms, by how much at least, ms and in
 * units of jitter, how late the last has to be, in the same, and from which jitter on they count, ms. The earliest of more packets varies less.
 */
const SCALES = [
  { frames: 2, growthMs: 4, growthPerJitter: 1, latePerJitter: 3, fromJitterMs: 0 },
  // Where there is no jitter the others see a queue as soon, and what a busy machine does lasts as long as this.
  { frames: 4, growthMs: 5, growthPerJitter: 0.9, latePerJitter: 2.75, fromJitterMs: 8 },
  { frames: 8, growthMs: 6, growthPerJitter: 0.75, latePerJitter: 2.5, fromJitterMs: 0 },
  { frames: 16, growthMs: 7, growthPerJitter: 0.6, latePerJitter: 2, fromJitterMs: 0 },
  { frames: 32, growthMs: 8, growthPerJitter: 0.5, latePerJitter: 1.5, fromJitterMs: 0 },
];
const GROWING_GROUPS = 4;
/** No queue drains while it builds up: a last packet of a group that is so much sooner than the first, in units of jitter, tells of something else. */
const HELD_UP_PER_JITTER = 2;
/** Three groups are enough where growth is so many times the least. */
const FAST_GROWTH = 2;
/** No single step is more than this share of the growth: that would be a longer route, or a machine that was held up. */
const MAX_STEP_SHARE = 0.6;
/** A queue is believed from here on, ms, and until it is below the second. */
const BELIEVED_MS = 16;
const DRAINED_MS = 8;

/** The earliest delay of each group of packets. */
class Groups {
  readonly #scale: (typeof SCALES)[number];
  readonly #closed: number[] = [];
  #earliestMs = Number.POSITIVE_INFINITY;
  #firstMs = 0;
  #span = 0;

  constructor(scale: (typeof SCALES)[number]) {
    this.#scale = scale;
  }

  /** Takes a packet of so many frames in; true when the groups have become later and later, and the last is late. */
  add(delayMs: number, frames: number, baseMs: number, jitterMs: number): boolean {
    if (this.#span === 0) this.#firstMs = delayMs;
    this.#earliestMs = Math.min(this.#earliestMs, delayMs);
    this.#span += frames;
    if (this.#span < this.#scale.frames) return false;
    const lateMs = this.#earliestMs - baseMs;
    this.#closed.push(this.#earliestMs);
    if (this.#closed.length > GROWING_GROUPS) this.#closed.shift();
    this.#earliestMs = Number.POSITIVE_INFINITY;
    this.#span = 0;
    if (jitterMs < this.#scale.fromJitterMs) return false;
    // What was held up comes all at once: the last of it is the least late.
    if (delayMs < this.#firstMs - HELD_UP_PER_JITTER * jitterMs) return false;
    return lateMs >= BELIEVED_MS + this.#scale.latePerJitter * jitterMs && this.#isGrowing(jitterMs);
  }

  #isGrowing(jitterMs: number): boolean {
    const leastMs = Math.max(this.#scale.growthMs, this.#scale.growthPerJitter * jitterMs);
    return (
      growsBy(leastMs, this.#closed, GROWING_GROUPS) ||
      growsBy(FAST_GROWTH * leastMs, this.#closed, GROWING_GROUPS - 1)
    );
  }
}

/** Whether the last `count` delays grow by that much each time, and evenly. */
function growsBy(leastMs: number, delaysMs: readonly number[], count: number): boolean {
  if (delaysMs.length < count) return false;
  const last = delaysMs.slice(-count);
  const steps = last.slice(1).map((delayMs, i) => delayMs - last[i]!);
  const growthMs = last.at(-1)! - last[0]!;
  return Math.min(...steps) >= leastMs && Math.max(...steps) <= MAX_STEP_SHARE * growthMs;
}

/**
 * Tells from when packets come whether they wait in a queue that fills up: then they come later and later, each by a little. Where the route
 * has become longer they come later at once and stay so, and where a machine was held up, the later ones come sooner again.
 */
export class QueueWatch {
  #buckets: { index: number; delayMs: number }[] = [];
  #recent: { atMs: number; delayMs: number }[] = [];
  #groups: Groups[] = SCALES.map((scale) => new Groups(scale));
  readonly #jitter = new ArrivalJitter();
  #isBelieved = false;
  readonly #firstTrend = new FirstTrend();
  #firstGrowth = 0;

  /** A packet of so many frames of 20 ms, in order. */
  observe(delayMs: number, frames: number, nowMs: number): void {
    this.#jitter.observe(delayMs, this.#isBelieved);
    const index = Math.floor(nowMs / BASE_BUCKET_MS);
    const bucket = this.#buckets.at(-1);
    if (bucket?.index === index) bucket.delayMs = Math.min(bucket.delayMs, delayMs);
    else this.#buckets.push({ index, delayMs });
    const kept = this.#isBelieved ? BASE_BUCKETS_IN_QUEUE : BASE_BUCKETS;
    while (this.#buckets[0]!.index <= index - kept) this.#buckets.shift();
    this.#recent.push({ atMs: nowMs, delayMs });
    if (this.#recent.length > LEVEL_PACKETS) this.#recent.shift();
    const baseMs = this.#baseMs;
    const isGrowing = this.#groups
      .map((groups) => groups.add(delayMs, frames, baseMs, this.#jitter.ms))
      .includes(true);
    this.#firstGrowth = this.#firstTrend.observe(delayMs, nowMs);
    if (isGrowing || this.#firstGrowth > 0) this.#isBelieved = true;
    else if (this.#levelMs(nowMs) < DRAINED_MS) this.#isBelieved = false;
  }

  /** From now on more is sent: a queue that comes of it is looked for from the first packet on. */
  beginAnew(): void {
    this.#firstTrend.beginAnew();
  }

  /** Where the last packet told of a queue that grows from the first on: by how much in each ms; 0 else. */
  get firstGrowth(): number {
    return this.#firstGrowth;
  }

  /** How much packets vary in the time they take without a queue, ms. */
  get jitterMs(): number {
    return this.#jitter.ms;
  }

  get #baseMs(): number {
    return Math.min(...this.#buckets.map(({ delayMs }) => delayMs));
  }

  /** How long packets wait now, ms; 0 where no queue was seen to build up. */
  queueMs(nowMs: number): number {
    return this.#isBelieved ? this.#levelMs(nowMs) : 0;
  }

  #levelMs(nowMs: number): number {
    if (this.#recent.length < 2 || this.#recent[0]!.atMs < nowMs - LEVEL_WITHIN_MS) return 0;
    const earliestMs = Math.min(...this.#recent.map(({ delayMs }) => delayMs));
    return Math.max(0, earliestMs - this.#baseMs - LEVEL_PER_JITTER * this.#jitter.ms);
  }
}
