import type { ReceptionReport } from '@overcall/wire';
import { FRAME_MS } from './frame-ms.ts';
import { QueueWatch } from './queue-watch.ts';

/** Loss is that of so many packets back, 2 s of audio at 50 a second. */
const LOSS_WINDOW = 100;
/** A packet is not missing before so many later ones have come: some overtake. */
const REORDER_PACKETS = 3;
/** Numbers remembered; more than the window. */
const REMEMBERED = 256;
/** What arrives is counted over so long, ms. */
const RATE_WINDOW_MS = 600;
const IP_UDP_BYTES = 28;
/** The peer sends more from this on: so many times what it did. */
const MORE = 1.05;
/** From this share of loss on no line through the first packets is looked at. */
const LOSSY_SHARE = 0.04;
/** Reports are so far apart, ms; while a queue is seen, the second. */
const REPORT_EVERY_MS = 100;
const URGENT_REPORT_EVERY_MS = 40;
const URGENT_QUEUE_MS = 16;

/** What comes from the peer tells of queues, and not first what it reports. */
export interface IncomingQueue {
  /** How long its packets wait, ms. */
  queueMs: number;
  /** By how much a queue grows in each ms that was there from the first packet on, or since more is sent; told once, 0 else. */
  firstGrowth: number;
  /** Whether the peer sends longer packets than it would. */
  isPeerNarrow: boolean;
  /** How much its packets vary in the time they take, about the standard deviation, ms. */
  jitterMs: number;
}

/** What is told the peer of its packets, from the new ones that pass authentication, by whatever path. */
export class ReceptionMonitor {
  readonly #counters = new Float64Array(REMEMBERED).fill(-1);
  #first = -1;
  #highest = -1;
  #path = '';
  #number: number | null = null;
  #queue = new QueueWatch();
  #firstGrowth = 0;
  /** How the peer sends, by its last packet that was no pause. */
  #peerFrames = 1;
  #peerKbitPerS = Number.POSITIVE_INFINITY;
  readonly #recent: { atMs: number; bytes: number }[] = [];
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  /** @param path by which it came: another one has delays of its own */
  handlePacket(counter: number, bytes: number, path: string, nowMs: number): void {
    if (this.#first < 0) this.#first = counter;
    this.#highest = Math.max(this.#highest, counter);
    const at = counter % REMEMBERED;
    this.#counters[at] = Math.max(this.#counters[at]!, counter);
    if (path !== this.#path) this.#queue = new QueueWatch();
    this.#path = path;
    this.#recent.push({ atMs: nowMs, bytes: bytes + IP_UDP_BYTES });
    while (this.#recent[0]!.atMs < nowMs - RATE_WINDOW_MS) this.#recent.shift();
  }

  /**
   * The packet that came last ends with this frame (low 16 bits, the one after its last).
   * @param frames how many are in it; 0 for one of a pause, which tells nothing of how much the peer sends
   */
  handleAudio(endLow: number, nowMs: number, frames = 1): void {
    if (frames > 0) this.#watchRate(frames);
    const end = this.#number === null ? endLow : this.#number + (((endLow - this.#number) << 16) >> 16);
    const newFrames = this.#number === null ? 1 : end - this.#number;
    // One that was overtaken says nothing of a queue.
    if (newFrames <= 0 && newFrames > -REMEMBERED) return;
    this.#number = end;
    this.#queue.observe(nowMs - end * FRAME_MS, newFrames, nowMs);
    this.#firstGrowth = Math.max(this.#firstGrowth, this.#queue.firstGrowth);
  }

  /** What we see ourselves of the peer's packets, since this was asked last. */
  takeIncoming(nowMs: number): IncomingQueue {
    // Where packets are lost, they vary for more reasons than a queue, and copies are needed more than room.
    const firstGrowth = this.lossShare < LOSSY_SHARE ? this.#firstGrowth : 0;
    this.#firstGrowth = 0;
    return {
      queueMs: this.queueMs(nowMs),
      firstGrowth,
      isPeerNarrow: this.#peerFrames > 1,
      jitterMs: this.#queue.jitterMs,
    };
  }

  /** Where the peer begins to send more, a queue that comes of it is looked for from there on. */
  #watchRate(frames: number): void {
    this.#peerFrames = frames;
    const peerKbitPerS = (this.#recent.at(-1)!.bytes * 8) / (frames * FRAME_MS);
    if (peerKbitPerS > MORE * this.#peerKbitPerS) this.#queue.beginAnew();
    this.#peerKbitPerS = peerKbitPerS;
  }

  /** Whether the next packet should carry a report. */
  isDue(nowMs: number): boolean {
    if (this.#highest < 0) return false;
    const isUrgent = this.queueMs(nowMs) >= URGENT_QUEUE_MS;
    return nowMs >= this.#reportedAtMs + (isUrgent ? URGENT_REPORT_EVERY_MS : REPORT_EVERY_MS);
  }

  take(nowMs: number): ReceptionReport {
    this.#reportedAtMs = nowMs;
    return { ...this.#loss(), queueMs: this.queueMs(nowMs), kbitPerS: this.#kbitPerS(nowMs) };
  }

  /** Of the last 2 s, or what there is. */
  get lossShare(): number {
    return this.#loss().lossShare;
  }

  /** How long packets wait in a queue that was seen to build up, ms. */
  queueMs(nowMs: number): number {
    return this.#queue.queueMs(nowMs);
  }

  #kbitPerS(nowMs: number): number {
    const first = this.#recent[0];
    if (first === undefined || nowMs - first.atMs < RATE_WINDOW_MS / 2) return 0;
    const bytes = this.#recent.reduce((sum, each) => sum + each.bytes, -first.bytes);
    return (bytes * 8) / (this.#recent.at(-1)!.atMs - first.atMs || 1);
  }

  #loss(): Pick<ReceptionReport, 'lossShare' | 'meanBurst'> {
    const to = this.#highest - REORDER_PACKETS;
    const from = Math.max(this.#first, to - LOSS_WINDOW);
    let lost = 0;
    let bursts = 0;
    let wasLost = false;
    for (let counter = from; counter < to; counter++) {
      const isLost = this.#counters[counter % REMEMBERED] !== counter;
      if (isLost) lost++;
      if (isLost && !wasLost) bursts++;
      wasLost = isLost;
    }
    const expected = Math.max(to - from, LOSS_WINDOW / 4);
    return { lossShare: lost / expected, meanBurst: bursts === 0 ? 0 : lost / bursts };
  }
}
