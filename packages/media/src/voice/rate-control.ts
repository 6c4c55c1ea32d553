import type { ReceptionReport } from '@overcall/wire';
import { FEC_PCT, NARROWING, protectionFor, type SendMode, wireKbitPerS } from './send-mode.ts';

/** A queue from which the path carries too much, ms, and one that counts as none. */
const CONGESTED_MS = 32;
const DRAINED_MS = 16;
/** It counts when it lasts so long, ms: a machine that was held up sees one for a moment. */
const LASTING_MS = 40;
/** And a full link lets through less than is sent, by so much; a busy machine is late with all of it. Longer queues than this need no such proof, ms. */
const CARRIED_SHARE = 0.85;
const LONG_QUEUE_MS = 150;
const LONG_LASTING_MS = 300;
/** Of what arrives while a queue builds up, so much is sent from then on. */
const BACK_OFF = 0.8;
/** After a step down its effect shows after a round trip and this, ms. */
const SETTLE_MS = 250;
/** So long without a queue, ms, a step up is tried; twice as long after one that brought a queue within the time below. */
const FIRST_PATIENCE_MS = 4000;
const MAX_PATIENCE_MS = 60_000;
const FAILED_WITHIN_MS = 6000;
/** Protection is kept for so long after the loss that asked for it, ms. */
const KEEP_PROTECTION_MS = 5000;
/**
 * Decides how audio is sent from what the peer reports: narrower while a queue builds up on the path, protected by FEC and copies
 * while packets are lost without one, and back. Pure: time is passed in, monotonic.
 */
export class RateControl {
  #step = 0;
  /** When the peer first saw a queue that is still there. */
  #reportedSinceMs: number | null = null;
  #settledAtMs = 0;
  #patienceMs = FIRST_PATIENCE_MS;
  #quietSinceMs = 0;
  #steppedUpAtMs = Number.NEGATIVE_INFINITY;
  #protection: SendMode = protectionFor(0, 0);
  #protectedUntilMs = 0;

  get mode(): SendMode {
    if (this.#step > 0) {
      const mode = NARROWING[this.#step]!;
      // FEC costs no bytes; below 24 kbit/s libopus would pay for it with bandwidth.
      const hasRoom = mode.opusBytes / mode.frames >= 60;
      return hasRoom && this.#protection !== PLAIN ? { ...mode, fecPct: FEC_PCT } : mode;
    }
    return this.#protection;
  }

  /** What the peer says about what we send. */
  handleReport(report: ReceptionReport, rttMs: number, nowMs: number): void {
    const isQueue = report.queueMs >= CONGESTED_MS;
    this.#reportedSinceMs = isQueue ? (this.#reportedSinceMs ?? nowMs) : null;
    if (isQueue) this.#congested(report, rttMs, nowMs);
    else if (report.queueMs >= DRAINED_MS) this.#quietSinceMs = nowMs;
    else this.#quiet(nowMs);
    this.#protect(report, nowMs);
  }

  #congested({ kbitPerS, queueMs }: ReceptionReport, rttMs: number, nowMs: number): void {
    this.#quietSinceMs = nowMs;
    if (nowMs < this.#settledAtMs || nowMs < (this.#reportedSinceMs ?? nowMs) + LASTING_MS) return;
    const sentKbitPerS = wireKbitPerS(this.mode);
    const isFull = kbitPerS > 0 && kbitPerS < CARRIED_SHARE * sentKbitPerS;
    const isLong = queueMs >= LONG_QUEUE_MS && nowMs >= (this.#reportedSinceMs ?? nowMs) + LONG_LASTING_MS;
    if (!isFull && !isLong) return;
    const carriedKbitPerS = kbitPerS > 0 ? Math.min(kbitPerS, sentKbitPerS) : sentKbitPerS;
    let step = Math.min(this.#step + 1, NARROWING.length - 1);
    while (step < NARROWING.length - 1 && wireKbitPerS(NARROWING[step]!) > BACK_OFF * carriedKbitPerS) step++;
    this.#stepDown(step, rttMs, nowMs);
  }

  #stepDown(step: number, rttMs: number, nowMs: number): void {
    if (nowMs < this.#steppedUpAtMs + FAILED_WITHIN_MS)
      this.#patienceMs = Math.min(MAX_PATIENCE_MS, 2 * this.#patienceMs);
    this.#step = step;
    this.#settledAtMs = nowMs + rttMs + SETTLE_MS;
    this.#quietSinceMs = nowMs;
    this.#steppedUpAtMs = Number.NEGATIVE_INFINITY;
  }

  #quiet(nowMs: number): void {
    if (this.#step === 0) {
      // Only when the widest has lasted: a path that just does not carry it would be filled again and again.
      if (nowMs >= this.#steppedUpAtMs + FAILED_WITHIN_MS) this.#patienceMs = FIRST_PATIENCE_MS;
      return;
    }
    if (nowMs < this.#quietSinceMs + this.#patienceMs) return;
    this.#step--;
    this.#steppedUpAtMs = nowMs;
    this.#quietSinceMs = nowMs;
  }

  #protect({ lossShare, meanBurst }: ReceptionReport, nowMs: number): void {
    const wanted = protectionFor(lossShare, meanBurst);
    const isStronger = strength(wanted) >= strength(this.#protection);
    if (!isStronger && nowMs < this.#protectedUntilMs) return;
    if (wanted !== PLAIN && strength(wanted) > 0) this.#protectedUntilMs = nowMs + KEEP_PROTECTION_MS;
    if (isAlike(wanted, this.#protection)) return;
    this.#protection = strength(wanted) === 0 ? PLAIN : wanted;
  }
}

const PLAIN = protectionFor(0, 0);

/** Copies that are apart help against single losses too, and not the other way round: so they are kept while there may be bursts. */
function strength({ copies, spacing, fecPct }: SendMode): number {
  if (copies > 0) return spacing > 1 ? 4 : 1 + copies;
  return fecPct > 0 ? 1 : 0;
}

/** Spacing follows the length of bursts, and not each small change of it. */
const isAlike = (one: SendMode, other: SendMode): boolean =>
  one.copies === other.copies && one.fecPct === other.fecPct && Math.abs(one.spacing - other.spacing) <= 1;
