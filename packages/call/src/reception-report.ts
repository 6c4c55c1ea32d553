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
/** Reports are so far apart, ms; while a queue is seen, the second. */
const REPORT_EVERY_MS = 100;
const URGENT_REPORT_EVERY_MS = 40;
const URGENT_QUEUE_MS = 16;

/** What is told the peer of its packets, from the new ones that pass authentication, by whatever path. */
export class ReceptionMonitor {
  readonly #counters = new Float64Array(REMEMBERED).fill(-1);
  #first = -1;
  #highest = -1;
  #path = '';
  #number: number | null = null;
  #queue = new QueueWatch();
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

  /** The packet that came last ends with this frame (low 16 bits, the one after its last). */
  handleAudio(endLow: number, nowMs: number): void {
    const end = this.#number === null ? endLow : this.#number + (((endLow - this.#number) << 16) >> 16);
    const frames = this.#number === null ? 1 : end - this.#number;
    // One that was overtaken says nothing of a queue.
    if (frames <= 0 && frames > -REMEMBERED) return;
    this.#number = end;
    this.#queue.observe(nowMs - end * FRAME_MS, frames, nowMs);
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
