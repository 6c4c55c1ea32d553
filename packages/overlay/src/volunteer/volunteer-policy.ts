import { quarterJitter } from '../jitter.ts';

/** What is known of a host whose softphone volunteers. */
export interface VolunteerFacts {
  /** Public addresses by which others may reach it. */
  addresses: readonly string[];
  power: 'mains' | 'battery' | 'unknown';
  /** The softphone is attached to another supernode, so there is one to try this host, and one to go to from here. */
  isAttached: boolean;
  /** The softphone's own user rings or talks. */
  hasOwnCall: boolean;
  /** Share of time in which this process works, 0 to 1. */
  cpu: number;
  /** The volume of the month is used up, also by what was relayed before the last demotion or start. */
  isVolumeUsedUp: boolean;
  /** Others could not reach it when they tried last. */
  isUnreached: boolean;
}

export interface VolunteerRules {
  servesOnBattery: boolean;
  /** Everything has to speak for it for so long before it is promoted, ms. */
  settleMs: number;
}

export type DemotionReason = 'asked' | 'battery' | 'network' | 'overload' | 'unreachable' | 'volume';

export type VolunteerOutput =
  /** Test the host, start a supernode for these addresses, have others reach it. */
  | { type: 'promote'; addresses: readonly string[] }
  /** Take nothing new, send softphones and calls elsewhere. */
  | { type: 'drain'; reason: DemotionReason }
  /** Leave the list, then stop. */
  | { type: 'depart'; reason: DemotionReason };

export type VolunteerState = 'waiting' | 'promoting' | 'serving' | 'draining' | 'departing' | 'stopped';

/** More work than this for so long: the softphone's own calls would suffer. */
const BUSY_CPU = 0.8;
const BUSY_MS = 10_000;
/** Below this it may be promoted. */
const CALM_CPU = 0.5;
/** How long a demoted one carries the calls that it has, ms: they end, or move, long before. */
const DRAIN_MS: Record<DemotionReason, number> = {
  // Somebody wants to close the program.
  asked: 60_000,
  battery: 900_000,
  // What it carried cannot reach it any more, or only what still does by another address.
  network: 10_000,
  unreachable: 60_000,
  overload: 900_000,
  volume: 3_600_000,
};
/** How long it stays a softphone after a failure or a demotion: doubles each time, and is spread by a quarter, ms. */
const PAUSE_FIRST_MS = 300_000;
const PAUSE_LAST_MS = 21_600_000;
/** Having served for so long, the last demotion is forgotten. */
const STOOD_MS = 3_600_000;

/**
 * When a softphone on a capable host is a supernode too. Life cycle: `handleFacts` every second or so, and what came of the
 * outputs; `poll` after each. waiting -> promoting -> serving -> draining -> departing -> waiting; `stop` ends it from anywhere.
 */
export class VolunteerPolicy {
  state: VolunteerState = 'waiting';
  readonly #rules: VolunteerRules;
  readonly #random: () => number;
  #outputs: VolunteerOutput[] = [];
  #facts: VolunteerFacts | null = null;
  #promotedTo: readonly string[] = [];
  #fitSinceMs: number | null = null;
  #busySinceMs: number | null = null;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #servingSinceMs = 0;
  #drainUntilMs = Number.POSITIVE_INFINITY;
  #reason: DemotionReason = 'asked';
  #setbacks = 0;
  #isStopping = false;

  /** @param random from 0 to below 1 */
  constructor(rules: VolunteerRules, random: () => number) {
    this.#rules = rules;
    this.#random = random;
  }

  poll(): VolunteerOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** Why it is not promoted; null while it is, or might be in a moment. */
  get obstacle(): string | null {
    return this.#facts === null ? null : this.#obstacleIn(this.#facts);
  }

  /** Also says what time it is. */
  handleFacts(facts: VolunteerFacts, nowMs: number): void {
    this.#facts = facts;
    if (facts.cpu < BUSY_CPU) this.#busySinceMs = null;
    else this.#busySinceMs ??= nowMs;
    if (this.state === 'waiting') this.#consider(facts, nowMs);
    else if (this.state === 'serving') this.#lookForReason(facts, nowMs);
    else if (this.state === 'draining') this.#continueDraining(facts, nowMs);
  }

  /** The host passed its test, and others reached it. */
  handlePromoted(nowMs: number): void {
    if (this.state !== 'promoting') return;
    this.state = 'serving';
    this.#servingSinceMs = nowMs;
    if (this.#isStopping) this.#drain('asked', nowMs);
  }

  /** It cannot be a supernode: the test, the directory or those that were to reach it said no. Nothing of it runs. */
  handleFailed(nowMs: number): void {
    if (this.state !== 'promoting') return;
    this.#rest(nowMs);
  }

  /** Nobody is attached and no call is left. */
  handleDrained(): void {
    if (this.state === 'draining') this.#depart();
  }

  /** It is out of the list, or the directory is away; nothing of it runs any more. */
  handleDeparted(nowMs: number): void {
    if (this.state === 'departing') this.#rest(nowMs);
  }

  /** For good: the program is to end. */
  stop(nowMs: number): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    if (this.state === 'waiting') this.state = 'stopped';
    else if (this.state === 'serving') this.#drain('asked', nowMs);
    else if (this.state === 'draining')
      this.#drainUntilMs = Math.min(this.#drainUntilMs, nowMs + DRAIN_MS.asked);
  }

  #consider(facts: VolunteerFacts, nowMs: number): void {
    if (this.#obstacleIn(facts) !== null || nowMs < this.#notBeforeMs) {
      this.#fitSinceMs = null;
      return;
    }
    this.#fitSinceMs ??= nowMs;
    if (nowMs < this.#fitSinceMs + this.#rules.settleMs) return;
    this.#fitSinceMs = null;
    this.state = 'promoting';
    this.#promotedTo = [...facts.addresses];
    this.#outputs.push({ type: 'promote', addresses: this.#promotedTo });
  }

  #obstacleIn(facts: VolunteerFacts): string | null {
    const { addresses, power, isAttached, hasOwnCall, cpu, isVolumeUsedUp } = facts;
    if (addresses.length === 0) return 'this host has no public address';
    if (power === 'battery' && !this.#rules.servesOnBattery) return 'it runs on battery';
    if (isVolumeUsedUp) return 'the volume of the month is used up';
    if (!isAttached) return 'no other supernode is attached';
    if (hasOwnCall) return 'a call of its own is on';
    if (cpu >= CALM_CPU) return 'it is busy';
    return null;
  }

  #lookForReason(facts: VolunteerFacts, nowMs: number): void {
    if (nowMs >= this.#servingSinceMs + STOOD_MS) this.#setbacks = 0;
    const reason = this.#reasonIn(facts, nowMs);
    if (reason !== null) this.#drain(reason, nowMs);
  }

  #reasonIn(facts: VolunteerFacts, nowMs: number): DemotionReason | null {
    if (this.#hasMoved(facts)) return 'network';
    if (facts.isUnreached) return 'unreachable';
    if (facts.power === 'battery' && !this.#rules.servesOnBattery) return 'battery';
    if (facts.isVolumeUsedUp) return 'volume';
    if (this.#busySinceMs !== null && nowMs >= this.#busySinceMs + BUSY_MS) return 'overload';
    return null;
  }

  /** An address that others know is not there any more. */
  #hasMoved({ addresses }: VolunteerFacts): boolean {
    return this.#promotedTo.some((address) => !addresses.includes(address));
  }

  #drain(reason: DemotionReason, nowMs: number): void {
    this.state = 'draining';
    this.#reason = reason;
    this.#drainUntilMs = nowMs + DRAIN_MS[reason];
    this.#outputs.push({ type: 'drain', reason });
  }

  #continueDraining(facts: VolunteerFacts, nowMs: number): void {
    if (this.#hasMoved(facts)) this.#drainUntilMs = Math.min(this.#drainUntilMs, nowMs + DRAIN_MS.network);
    if (nowMs >= this.#drainUntilMs) this.#depart();
  }

  #depart(): void {
    this.state = 'departing';
    this.#outputs.push({ type: 'depart', reason: this.#reason });
  }

  #rest(nowMs: number): void {
    this.#setbacks++;
    const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** (this.#setbacks - 1), PAUSE_LAST_MS);
    this.#notBeforeMs = nowMs + quarterJitter(pauseMs, this.#random);
    this.state = this.#isStopping ? 'stopped' : 'waiting';
  }
}
