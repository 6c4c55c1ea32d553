/** How fast the smoothed loss follows, ms: a sample each 4 s makes some thirty samples. */
const LOSS_TAU_MS = 120_000;
/** Weight of a new round trip: RFC 6298's 1/8. */
const RTT_WEIGHT = 1 / 8;
/** Unanswered requests in a row after which a supernode counts as silent over UDP. */
const SILENT_AFTER = 3;

/** Round trip and loss to one supernode, smoothed from samples that come at any times. */
export class PeerMeter {
  rttMs: number | null = null;
  samples = 0;
  sampledAtMs = 0;
  #roundTripLoss = 0;
  #weight = 0;
  #unanswered = 0;

  get isSilent(): boolean {
    return this.#unanswered >= SILENT_AFTER;
  }

  /** Percent in one direction: what of a round trip was lost on the way there and what on the way back is not known, and taken for equal. */
  get lossPct(): number {
    return 100 * (1 - Math.sqrt(1 - this.#roundTripLoss));
  }

  /** `rttMs` is null for a request that was not answered. True when this is the first answer after silence. */
  handleSample(rttMs: number | null, nowMs: number): boolean {
    const wasSilent = this.isSilent;
    this.#unanswered = rttMs === null ? this.#unanswered + 1 : 0;
    this.#handleLoss(rttMs === null ? 1 : 0, nowMs);
    if (rttMs !== null)
      this.rttMs = this.rttMs === null ? rttMs : this.rttMs + (rttMs - this.rttMs) * RTT_WEIGHT;
    return wasSilent && rttMs !== null;
  }

  /** Samples that come close together count for less each; before there are many, all count alike. */
  #handleLoss(lost: number, nowMs: number): void {
    const elapsedMs = this.samples === 0 ? LOSS_TAU_MS : nowMs - this.sampledAtMs;
    const kept = Math.exp(-elapsedMs / LOSS_TAU_MS);
    this.#weight = this.#weight * kept + 1;
    this.#roundTripLoss += (lost - this.#roundTripLoss) / this.#weight;
    this.samples++;
    this.sampledAtMs = nowMs;
  }
}
