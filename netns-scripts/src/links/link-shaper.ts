import { DEFAULT_QUEUE_MS } from './directions.ts';
import type { LinkDirection } from './link-spec.ts';
import { LossModel } from './loss-model.ts';

/** From this many flows on, those whose last packet has left are forgotten, each time their number has doubled. */
const FLOWS_TO_KEEP = 1024;

/**
 * What happens to each packet of one direction of a link, as a decision without clocks or sockets. A packet waits
 * for its turn (bandwidth), then may be lost, then is delayed.
 */
export class LinkShaper {
  readonly #link: LinkDirection;
  readonly #random: () => number;
  readonly #loss: LossModel;
  /** When the last byte of everything accepted so far has been sent. */
  #busyUntilMs = Number.NEGATIVE_INFINITY;
  readonly #lastDepartureByFlow = new Map<number, number>();
  #forgetAbove = FLOWS_TO_KEEP;

  /** @param random from 0 to below 1, as `Math.random` */
  constructor(link: LinkDirection, random: () => number) {
    this.#link = link;
    this.#random = random;
    this.#loss = new LossModel(link.lossPct ?? 0, link.burst?.meanLength, random);
  }

  /** Flows whose order is being watched. */
  get flowCount(): number {
    return this.#lastDepartureByFlow.size;
  }

  /**
   * When the packet leaves the link, and when its duplicate does; nothing for one that is lost.
   * @param flow packets with the same number keep their order
   */
  handlePacket(lengthBytes: number, flow: number, nowMs: number): readonly number[] {
    const sentMs = this.#transmit(lengthBytes, nowMs);
    if (sentMs === null || this.#loss.next()) return [];
    const departureMs = this.#happens(this.#link.reorderPct)
      ? sentMs
      : this.#inOrder(flow, sentMs + this.#delayMs(), nowMs);
    return this.#happens(this.#link.duplicatePct) ? [departureMs, departureMs] : [departureMs];
  }

  /** One queue for all flows, as in a modem; null when it is full. */
  #transmit(lengthBytes: number, nowMs: number): number | null {
    const { kbitPerS, queueMs = DEFAULT_QUEUE_MS } = this.#link;
    if (kbitPerS === undefined) return nowMs;
    const startMs = Math.max(nowMs, this.#busyUntilMs);
    if (startMs - nowMs > queueMs) return null;
    this.#busyUntilMs = startMs + (8 * lengthBytes) / kbitPerS;
    return this.#busyUntilMs;
  }

  #delayMs(): number {
    const { delayMs = 0, jitterMs = 0, jitter = 'uniform' } = this.#link;
    if (jitterMs === 0) return delayMs;
    if (jitter === 'uniform') return delayMs + jitterMs * (2 * this.#random() - 1);
    // Box and Muller. Cut off evenly at both sides, so that the mean stays the delay.
    const deviation = Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    return delayMs + Math.min(delayMs, Math.max(-delayMs, jitterMs * deviation));
  }

  /** Order is kept within a flow only: keeping it over all of them would raise the mean delay the more, the more flows there are. */
  #inOrder(flow: number, departureMs: number, nowMs: number): number {
    if ((this.#link.jitterMs ?? 0) === 0) return departureMs;
    const inOrderMs = Math.max(departureMs, this.#lastDepartureByFlow.get(flow) ?? departureMs);
    this.#lastDepartureByFlow.set(flow, inOrderMs);
    if (this.#lastDepartureByFlow.size > this.#forgetAbove) this.#forgetFlows(nowMs);
    return inOrderMs;
  }

  #forgetFlows(nowMs: number): void {
    for (const [flow, lastMs] of this.#lastDepartureByFlow)
      if (lastMs <= nowMs) this.#lastDepartureByFlow.delete(flow);
    this.#forgetAbove = Math.max(FLOWS_TO_KEEP, 2 * this.#lastDepartureByFlow.size);
  }

  #happens(percent = 0): boolean {
    return percent > 0 && this.#random() * 100 < percent;
  }
}
