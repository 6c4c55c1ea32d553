import type { FreshSocket } from './foretelling.ts';
import { GuessAttempt } from './guess-attempt.ts';
import { GuessLimits } from './guess-limits.ts';
import { type GuessOutput, type GuessSituation, keyOf } from './guess-situation.ts';
import { GuessSockets } from './guess-sockets.ts';
import { type GuessPlan, meetsPlainly, planFor, SECOND_TRY } from './nat-pair.ts';
import type { SocketId } from './path.ts';
import { PeerConfirmation } from './peer-confirmation.ts';

/** Ordinary checks go first for this long where nobody knows how a NAT filters, ms. The relay is asked meanwhile. */
const PLAIN_FIRST_MS = 200;
/** Where ordinary checks should meet, fresh sockets are tried after this time, ms: few pairs take so long, and checks are left. */
const SECOND_TRY_MS = 1000;
/** How long sockets stay open after a direct path has been found, ms. */
const SETTLE_MS = 3000;

/**
 * Finds ports that nobody has been told, when ordinary checks cannot: foretells them, or sprays. Decides when; one
 * {@link GuessAttempt} at a time carries it out, each bounded; what failed is not repeated for the same two networks.
 */
export class Guesser {
  readonly #random: (bytes: number) => Uint8Array;
  readonly #outputs: GuessOutput[] = [];
  #situation: GuessSituation | null = null;
  #attempt: GuessAttempt | null = null;
  /** Names the two networks that the attempt is for. */
  #key = '';
  readonly #limits = new GuessLimits();
  #confirmation = new PeerConfirmation();
  readonly #sockets = new GuessSockets((output) => this.#outputs.push(output));
  #startsAtMs = Number.POSITIVE_INFINITY;
  #closesAtMs = Number.POSITIVE_INFINITY;
  /** Since when ordinary checks have had their chance. */
  #sinceMs: number | null = null;

  constructor(random: (bytes: number) => Uint8Array) {
    this.#random = random;
  }

  poll(): GuessOutput[] {
    return this.#outputs.splice(0);
  }

  get deadline(): number {
    return Math.min(
      this.#startsAtMs,
      this.#confirmation.deadline,
      this.#sockets.deadline,
      this.#attempt?.deadline ?? Number.POSITIVE_INFINITY,
      this.#closesAtMs,
    );
  }

  /** Whether a socket was opened for guessing. */
  owns(socket: SocketId): boolean {
    return this.#sockets.owns(socket);
  }

  /**
   * Whether an ordinary check is in vain while guessing goes on: the peer cannot know the port that it comes from. The
   * address has no checks to spare, for those from a foretold port go there, too.
   */
  replaces(socket: SocketId, remote: string): boolean {
    const { peerTarget, mainSocket } = this.#situation ?? {};
    if (this.#attempt === null || socket !== mainSocket || remote !== peerTarget?.target) return false;
    const { foretells, awaits, spray } = this.#attempt.plan;
    return spray === 'open' || (foretells && !awaits);
  }

  /** Both sides have each other's addresses and no direct path: what can be done about it. */
  consider(situation: GuessSituation, nowMs: number): void {
    if (situation !== this.#situation) {
      this.#situation = situation;
      const key = keyOf(situation);
      if (key !== this.#key || !this.#isPlanStillRight()) this.#reset(key, nowMs);
      else if (this.#attempt !== null) this.#attempt.situation = situation;
    }
    // It has moved, and says where it is seen now when it knows: nothing is left to guess at.
    if (situation.peerTarget === null) return;
    this.#closeIfDue([], nowMs);
    if (this.#attempt === null) this.#start(nowMs);
    this.#proceed(nowMs);
  }

  #isPlanStillRight(): boolean {
    if (this.#attempt === null) return true;
    const { plan: current } = this.#attempt;
    const { own, peer, isFirst } = this.#situation!;
    if (current.anew) return meetsPlainly(own, peer) === true;
    const plan = planFor(own, peer, isFirst);
    return (['foretells', 'awaits', 'spray'] as const).every((part) => plan?.[part] === current[part]);
  }

  #reset(key: string, nowMs: number): void {
    this.#stop();
    this.#key = key;
    this.#sinceMs = nowMs;
    this.#confirmation = new PeerConfirmation();
  }

  #start(nowMs: number): void {
    const { own, peer, isFirst } = this.#situation!;
    const plan = meetsPlainly(own, peer) ? SECOND_TRY : planFor(own, peer, isFirst);
    if (!this.#limits.mayStart(this.#nameOf(plan))) return;
    const isKnown = own.filtering !== 'unknown' && peer.filtering !== 'unknown';
    this.#startsAtMs = this.#sinceMs! + (plan?.anew ? SECOND_TRY_MS : isKnown ? 0 : PLAIN_FIRST_MS);
    if (nowMs < this.#startsAtMs) {
      if (plan !== null && !plan.anew && !this.#confirmation.wasAsked) this.#confirm();
      return;
    }
    this.#startsAtMs = Number.POSITIVE_INFINITY;
    if (plan === null || (plan.spray !== null && !this.#limits.takeSpray())) return;
    this.#limits.start();
    // What a path that was lost has left open, or there would be more than the limit.
    this.#closesAtMs = Number.POSITIVE_INFINITY;
    this.#sockets.close();
    this.#attempt = new GuessAttempt(plan, this.#situation!, {
      sockets: this.#sockets,
      limits: this.#limits,
      random: this.#random,
      emit: (output) => this.#outputs.push(output),
    });
    if (!this.#confirmation.wasAsked) this.#confirm();
    this.#attempt.begin(nowMs);
  }

  #confirm(): void {
    const next = this.#confirmation.ask();
    if (next === 'over') this.#fail();
    else if (next === 'ask')
      this.#outputs.push({ type: 'confirm', address: this.#situation!.peerTarget!.address });
  }

  /** An attempt between the addresses of both sides. */
  #nameOf(plan: GuessPlan | null): string {
    const networks = `${this.#situation!.ownAddress} ${this.#situation!.peerTarget?.address}`;
    return plan?.anew ? `${networks} anew` : networks;
  }

  /** The sockets that were asked for; fewer when there are no more. */
  handleOpened(sockets: readonly FreshSocket[], nowMs: number): void {
    if (!this.#sockets.take(sockets)) return;
    this.#attempt?.handleOpened(sockets, nowMs);
    this.#proceed(nowMs);
  }

  /** How a server sees the socket that was to be measured. */
  handleMeasured(mapped: string, nowMs: number): void {
    this.#attempt?.handleMeasured(mapped);
    this.#proceed(nowMs);
  }

  /** What the relay says about the address that it was asked about. */
  handleConfirmed(address: string, isConfirmed: boolean, nowMs: number): void {
    if (address !== this.#situation?.peerTarget?.address) return;
    this.#confirmation.handleAnswer(isConfirmed, nowMs);
    this.#proceed(nowMs);
  }

  /** The peer was heard over a relay for the first time: so it is bound there. */
  notePeerBound(nowMs: number): void {
    this.#confirmation.hurry(nowMs);
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#startsAtMs) this.#start(nowMs);
    if (nowMs >= this.#confirmation.deadline) this.#confirm();
    this.#sockets.handleTimeout(nowMs);
    this.#attempt?.handleTimeout(nowMs);
    this.#proceed(nowMs);
  }

  /** Whatever has become possible. */
  #proceed(nowMs: number): void {
    this.#attempt?.proceed(this.#confirmation.isGiven, nowMs);
    if (this.#attempt?.hasFailed) this.#fail();
  }

  /** A check has arrived from an address that has not answered yet. */
  noteHit(nowMs: number): void {
    this.#attempt?.noteHit(nowMs);
  }

  #fail(): void {
    this.#limits.fail(this.#nameOf(this.#attempt?.plan ?? null));
    this.#stop();
  }

  /**
   * There are direct paths: nothing is left to guess. Their sockets stay, and for a while the others, too: the peer may
   * have found another pair first, and what one side has proven the other proves within a round trip.
   */
  settle(used: readonly SocketId[], nowMs: number): void {
    if (this.#attempt !== null) {
      this.#endAttempt();
      this.#closesAtMs = nowMs + SETTLE_MS;
    }
    this.#startsAtMs = Number.POSITIVE_INFINITY;
    this.#closeIfDue(used, nowMs);
  }

  #closeIfDue(used: readonly SocketId[], nowMs: number): void {
    if (nowMs < this.#closesAtMs) return;
    this.#closesAtMs = Number.POSITIVE_INFINITY;
    this.#sockets.close(used);
  }

  #stop(): void {
    this.#endAttempt();
    this.#closesAtMs = Number.POSITIVE_INFINITY;
    this.#sockets.close();
  }

  #endAttempt(): void {
    this.#attempt = null;
    this.#sockets.rest();
    this.#startsAtMs = Number.POSITIVE_INFINITY;
    this.#confirmation.rest();
  }
}
