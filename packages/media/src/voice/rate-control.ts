import type { ReceptionReport } from '@overcall/wire';
import { PolicerTrial } from './policer-trial.ts';
import { halved, NARROWING, protectionFor, type SendMode, wireKbitPerS } from './send-mode.ts';

/** A queue from which the path carries too much, ms, and one that counts as none. */
const CONGESTED_MS = 24;
const DRAINED_MS = 12;
/** Of what arrives while a queue builds up, so much is sent from then on; where what is too much is dropped, so much of what passes. */
const BACK_OFF = 0.8;
const POLICED_SHARE = 0.9;
/** After a step down its effect shows after a round trip and this, ms; a queue that is then down to this share is being drained. */
const SETTLE_MS = 250;
const DRAINING_SHARE = 0.85;
/** The step with the longest packets and all the quality. */
const LONG_PACKETS = 2;
/**
 * A call begins with less (BEGINNING), until the peer has reported for so long, ms: until then nobody knows what the path carries. And 16 kbit/s is as narrow as
 * we become by what we see of the peer's packets alone: perhaps it is his direction that is narrow.
 */
const BEGINNING_MS = 350;
const NARROWEST_UNREPORTED = 3;
/** Steps up are so far apart, ms, where a queue was suspected and not seen again. */
const SUSPICION_PATIENCE_MS = 600;
/**
 * Where packets varied by so much, ms, when we became narrower, and no queue as long as the second was told of since, it may have been jitter that was taken for a
 * queue: with such jitter a real one is longer before it is seen. Where packets are lost, it is taken back after so long without a queue, ms: there is no
 * room for copies meanwhile.
 */
const DOUBTFUL_JITTER_MS = 6;
const CERTAIN_QUEUE_MS = 80;
const DOUBT_PATIENCE_MS = 200;
/** While it is unknown what arrives, so much is sent of what was. */
const UNKNOWN_BACK_OFF = 0.7;
/** So long without a queue, ms, a step up is tried; that step which failed within the time below, after twice as long each time. */
const FIRST_PATIENCE_MS = 4000;
const POLICED_PATIENCE_MS = 15_000;
const MAX_PATIENCE_MS = 60_000;
const FAILED_WITHIN_MS = 6000;
/** Where packets are policed, a step up has failed when loss grows by so much. */
const POLICED_LOSS = 0.03;
/** So long after a round trip, ms, that share of what is sent has to arrive, or dropping was no policer's; then none is looked for, ms. */
const POLICED_PROOF_MS = 1000;
const POLICED_PROOF_SHARE = 0.85;
const NO_POLICER_FOR_MS = 60_000;
/** Where such a share was lost of pings, or of what comes, before much was reported, the next is assumed, and for so long without a report that says so, ms. */
const EXPECTED_FROM = 0.05;
const EXPECTED_LOSS = 0.1;
const EXPECTED_FOR_MS = 1500;
/** For so long after the beginning, ms, reports tell less of the loss of a path than what was seen before them ({@link RateControl.expectLoss}). */
export const EARLY_MS = 1000;
/** Where so many copies are wanted and there is no room, longer packets carry one in place of half of their quality. */
const HALVED_FROM_COPIES = 2;
/** Protection is kept for so long after the loss that asked for it, ms. */
const KEEP_PROTECTION_MS = 5000;

/** What we see ourselves of the peer's packets; see `IncomingQueue` of packages/call. */
export interface IncomingAudio {
  queueMs: number;
  firstGrowth: number;
  isPeerNarrow: boolean;
  jitterMs: number;
}

/**
 * Decides how audio is sent from what the peer reports: narrower while a queue builds up on the path or what is too much is dropped, protected
 * by copies while packets are lost without either, and back. Pure: time is passed in, monotonic.
 */
export class RateControl {
  #step = 0;
  /** The queue that was there when the last step down was looked at. */
  #queueMs = 0;
  #settledAtMs = 0;
  #isBeginning = true;
  #reportedSinceMs: number | null = null;
  /** Narrower because of a queue that few packets told of, and nothing since. */
  #isSuspicion = false;
  #jitterMs = 0;
  /** The jitter when we became narrower, and the longest queue that was told of since. */
  #narrowedJitterMs = 0;
  #longestQueueMs = 0;
  /** For the step that failed last and those above it; -1: none has. */
  #patienceMs = FIRST_PATIENCE_MS;
  #failedStep = -1;
  #quietSinceMs = 0;
  #steppedUpAtMs = Number.NEGATIVE_INFINITY;
  #protection: SendMode = PLAIN;
  #protectedUntilMs = 0;
  #isLossExpected = false;
  #trial: PolicerTrial | null = null;
  /** Narrower because packets are policed; from when on what arrives has to prove it, and loss before the last step up. */
  #policed: { provenAtMs: number; isProven: boolean; lossShare: number } | null = null;
  #noPolicerUntilMs = 0;

  /** @param pauses whether less is sent while nobody speaks: then what arrives tells nothing of a policer */
  constructor({ pauses = false } = {}) {
    if (pauses) this.#noPolicerUntilMs = Number.POSITIVE_INFINITY;
  }

  get mode(): SendMode {
    if (this.#step === 0)
      return this.#isBeginning && this.#protection === PLAIN ? BEGINNING : this.#protection;
    const mode = NARROWING[this.#step]!;
    return strength(this.#protection) >= HALVED_FROM_COPIES ? halved(mode) : mode;
  }

  /** At the beginning: such a share of pings, or of what comes, was lost. The first word is not to wait for the first reports. */
  expectLoss(lossShare: number, nowMs: number): void {
    if (this.#isLossExpected || lossShare < EXPECTED_FROM) return;
    this.#isLossExpected = true;
    const expected = protectionFor(EXPECTED_LOSS, 1);
    if (strength(expected) <= strength(this.#protection)) return;
    this.#protection = expected;
    this.#protectedUntilMs = nowMs + EXPECTED_FOR_MS;
    if (this.#isDoubtful) this.#widen();
  }

  /** What the peer says about what we send. */
  handleReport(report: ReceptionReport, rttMs: number, nowMs: number): void {
    this.#reportedSinceMs ??= nowMs;
    if (nowMs >= this.#reportedSinceMs + BEGINNING_MS) this.#isBeginning = false;
    if (report.queueMs >= CONGESTED_MS) this.#congested(report, rttMs, nowMs);
    else if (report.queueMs >= DRAINED_MS) this.#quietSinceMs = nowMs;
    else this.#quiet(report, nowMs);
    this.#watchPolicer(report, rttMs, nowMs);
    this.#protect(report, rttMs, nowMs);
    this.#longestQueueMs = Math.max(this.#longestQueueMs, report.queueMs);
    this.#doubt(nowMs);
  }

  /**
   * What we see of what the peer sends. Where both directions share a link, the queue is seen here before the peer's report has come
   * through it: longer packets cost no quality.
   */
  handleIncoming({ queueMs, firstGrowth, isPeerNarrow, jitterMs }: IncomingAudio, nowMs: number): void {
    this.#jitterMs = jitterMs;
    this.#longestQueueMs = Math.max(this.#longestQueueMs, queueMs);
    // The peer has seen one, too.
    if (isPeerNarrow) this.#isSuspicion = false;
    if (firstGrowth > 0) this.#suspect(firstGrowth, queueMs, nowMs);
    if (queueMs < CONGESTED_MS) return;
    this.#quietSinceMs = nowMs;
    if (nowMs < this.#settledAtMs) return;
    this.#isSuspicion = false;
    if (this.#step < LONG_PACKETS) this.#stepDown(LONG_PACKETS, 0, queueMs, nowMs);
  }

  /**
   * A queue that grows from the first packet on is taken for that of a link which both share, both sending alike: what it carries can be reckoned then. Few packets
   * are enough to suspect one, so it has to be seen again, or steps up come soon.
   */
  #suspect(growth: number, queueMs: number, nowMs: number): void {
    if (this.#step >= NARROWEST_UNREPORTED || strength(this.#protection) > 0) return;
    this.#isSuspicion = this.#step === 0 && !this.#isTryingStep(nowMs);
    const shareKbitPerS = wireKbitPerS(this.mode) / (1 + growth);
    const step = stepWithin(shareKbitPerS, Math.max(LONG_PACKETS, this.#step + 1));
    this.#stepDown(Math.min(NARROWEST_UNREPORTED, step), 0, queueMs, nowMs);
  }

  #congested({ kbitPerS, queueMs }: ReceptionReport, rttMs: number, nowMs: number): void {
    this.#quietSinceMs = nowMs;
    if (nowMs < this.#settledAtMs) return;
    this.#isSuspicion = false;
    if (this.#step > 0 && queueMs < DRAINING_SHARE * this.#queueMs) {
      this.#queueMs = queueMs;
      this.#settledAtMs = nowMs + SETTLE_MS;
      return;
    }
    const sentKbitPerS = wireKbitPerS(this.mode);
    const lessKbitPerS =
      kbitPerS > 0 ? BACK_OFF * Math.min(kbitPerS, sentKbitPerS) : UNKNOWN_BACK_OFF * sentKbitPerS;
    // After a step up that failed, the step before was right.
    const limitKbitPerS = this.#isTryingStep(nowMs) ? sentKbitPerS : lessKbitPerS;
    this.#stepDown(stepWithin(limitKbitPerS, this.#step + 1), rttMs, queueMs, nowMs);
  }

  #isTryingStep(nowMs: number): boolean {
    return nowMs < this.#steppedUpAtMs + FAILED_WITHIN_MS;
  }

  #stepDown(step: number, rttMs: number, queueMs: number, nowMs: number): void {
    if (this.#isTryingStep(nowMs)) {
      this.#patienceMs = Math.min(MAX_PATIENCE_MS, 2 * this.#patienceMs);
      this.#failedStep = this.#step;
    }
    if (this.#step === 0) {
      this.#narrowedJitterMs = this.#jitterMs;
      this.#longestQueueMs = queueMs;
    }
    this.#step = step;
    this.#queueMs = queueMs;
    this.#settledAtMs = nowMs + rttMs + SETTLE_MS;
    this.#quietSinceMs = nowMs;
    this.#steppedUpAtMs = Number.NEGATIVE_INFINITY;
    this.#trial = null;
  }

  #quiet({ lossShare }: ReceptionReport, nowMs: number): void {
    if (this.#step <= this.#failedStep && !this.#isTryingStep(nowMs)) this.#trust();
    const patienceMs = this.#step - 1 <= this.#failedStep ? this.#patienceMs : this.#firstPatienceMs;
    if (this.#step === 0 || nowMs < this.#quietSinceMs + patienceMs) return;
    this.#step--;
    this.#quietSinceMs = nowMs;
    this.#steppedUpAtMs = nowMs;
    if (this.#policed !== null) this.#policed.lossShare = lossShare;
  }

  get #firstPatienceMs(): number {
    return this.#isSuspicion ? SUSPICION_PATIENCE_MS : FIRST_PATIENCE_MS;
  }

  /** Where copies are needed, a queue that may have been jitter counts no longer than it is told of; one that comes back is believed. */
  #doubt(nowMs: number): void {
    if (strength(this.#protection) < HALVED_FROM_COPIES || !this.#isDoubtful) return;
    if (nowMs < this.#quietSinceMs + DOUBT_PATIENCE_MS) return;
    this.#widen();
    this.#steppedUpAtMs = nowMs;
  }

  /** Not where a queue came back when we became wider, nor where what is too much is dropped: a policer queues nothing. */
  get #isDoubtful(): boolean {
    if (this.#step === 0 || this.#failedStep >= 0 || this.#policed !== null) return false;
    return this.#narrowedJitterMs >= DOUBTFUL_JITTER_MS && this.#longestQueueMs < CERTAIN_QUEUE_MS;
  }

  /** There was no queue: as wide as if none had been seen. */
  #widen(): void {
    this.#isSuspicion = false;
    this.#step = 0;
  }

  /** The step that had failed has lasted: what was learned there counts no more. */
  #trust(): void {
    this.#failedStep = -1;
    this.#patienceMs = FIRST_PATIENCE_MS;
    if (this.#step === 0) this.#policed = null;
  }

  /** What is lost because more is sent than a policer lets through is not mended by sending more. */
  #watchPolicer(report: ReceptionReport, rttMs: number, nowMs: number): void {
    this.#trial?.handleReport(report, nowMs);
    if (this.#policed !== null) this.#judgePolicer(report, rttMs, nowMs);
    if (!this.#trial?.isOver(nowMs)) return;
    const ceilingKbitPerS = this.#trial.ceilingKbitPerS();
    this.#trial = null;
    if (ceilingKbitPerS === null) return;
    this.#stepDown(stepWithin(POLICED_SHARE * ceilingKbitPerS, 1), rttMs, 0, nowMs);
    this.#patienceMs = Math.max(this.#patienceMs, POLICED_PATIENCE_MS);
    this.#failedStep = this.#step - 1;
    this.#policed = { provenAtMs: nowMs + rttMs + POLICED_PROOF_MS, isProven: false, lossShare: 1 };
  }

  #judgePolicer({ lossShare, kbitPerS }: ReceptionReport, rttMs: number, nowMs: number): void {
    const policed = this.#policed!;
    if (!policed.isProven && nowMs >= policed.provenAtMs) {
      policed.isProven = kbitPerS >= POLICED_PROOF_SHARE * wireKbitPerS(this.mode);
      if (policed.isProven) return;
      this.#step = 0;
      this.#trust();
      this.#noPolicerUntilMs = nowMs + NO_POLICER_FOR_MS;
    } else if (this.#isTryingStep(nowMs) && lossShare > policed.lossShare + POLICED_LOSS)
      this.#stepDown(this.#step + 1, rttMs, 0, nowMs);
  }

  #protect({ lossShare, meanBurst, kbitPerS }: ReceptionReport, rttMs: number, nowMs: number): void {
    const wanted = protectionFor(lossShare, meanBurst);
    const isStronger = strength(wanted) >= strength(this.#protection);
    if (!isStronger && nowMs < this.#protectedUntilMs) return;
    if (strength(wanted) > 0) this.#protectedUntilMs = nowMs + KEEP_PROTECTION_MS;
    if (isAlike(wanted, this.#protection)) return;
    if (this.#isSuspicion && strength(wanted) >= HALVED_FROM_COPIES) this.#widen();
    const before = this.mode;
    this.#protection = strength(wanted) === 0 ? PLAIN : wanted;
    if (this.#step > 0 || nowMs < this.#noPolicerUntilMs || kbitPerS === 0) return;
    this.#trial ??= new PolicerTrial(wireKbitPerS(before), kbitPerS);
    this.#trial.become(this.mode, nowMs + rttMs);
  }
}

const PLAIN = protectionFor(0, 0);
/** 36 kbit/s on the wire instead of 46. */
const BEGINNING: SendMode = { ...PLAIN, opusBytes: 36 };

/** The first of {@link NARROWING} from `from` on that is no wider than that, or the last. */
function stepWithin(kbitPerS: number, from: number): number {
  let step = Math.min(from, NARROWING.length - 1);
  while (step < NARROWING.length - 1 && wireKbitPerS(NARROWING[step]!) > kbitPerS) step++;
  return step;
}

const MOST_COPIES = 3;
/** Copies that are apart help against single losses too, and not the other way round: so they are kept while there may be bursts. */
function strength({ copies, spacing }: SendMode): number {
  return spacing > 1 ? MOST_COPIES : copies;
}

/** Spacing follows the length of bursts, and not each small change of it. */
const isAlike = (one: SendMode, other: SendMode): boolean =>
  one.copies === other.copies && Math.abs(one.spacing - other.spacing) <= 1;
