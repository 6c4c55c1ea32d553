import { formatAddressPort, parseAddressPort } from '../ip-address.ts';
import { Foretelling, type FreshSocket, type Guess } from './foretelling.ts';
import { allRoundsMs, GuessAttempts } from './guess-attempts.ts';
import { type GuessOutput, type GuessSituation, keyOf, pairsOfGuesses } from './guess-situation.ts';
import { GuessSockets } from './guess-sockets.ts';
import { type GuessPlan, isFixed, meetsPlainly, planFor, SECOND_TRY } from './nat-pair.ts';
import type { SocketId } from './path.ts';
import { PeerConfirmation } from './peer-confirmation.ts';
import { Spray, socketsWanted } from './spray.ts';

/** Ordinary checks go first for this long where nobody knows how a NAT filters, ms. The relay is asked meanwhile. */
const PLAIN_FIRST_MS = 200;
/** Where ordinary checks should meet, fresh sockets are tried after this time, ms: few pairs take so long, and checks are left. */
const SECOND_TRY_MS = 1000;
/** A round of foretold ports that led nowhere is followed by the next after this time, ms. */
const ROUND_MS = 700;
/** And one for which a server's or the peer's word is missing, after this time. */
const ROUND_WAIT_MS = 2000;
/** How long sockets stay open after a direct path has been found, ms. */
const SETTLE_MS = 3000;
/**
 * Finds ports that nobody has been told, when ordinary checks cannot: foretells them, or sprays. One attempt at a time,
 * each bounded; what failed is not repeated for the same two networks.
 */
export class Guesser {
  readonly #random: (bytes: number) => Uint8Array;
  readonly #outputs: GuessOutput[] = [];
  #situation: GuessSituation | null = null;
  #plan: GuessPlan | null = null;
  /** Names the two networks that the plan is for. */
  #key = '';
  readonly #attempts = new GuessAttempts();
  /** The newest round of the peer whose ports have been used: they are spent. */
  #usedPeerRound = 0;
  #confirmation = new PeerConfirmation();
  readonly #sockets = new GuessSockets((output) => this.#outputs.push(output));
  #foretelling: Foretelling | null = null;
  /** The round of our own whose ports have been paired. */
  #pairedRound = 0;
  #spray: Spray | null = null;
  /** The fresh socket of a second try has its path. */
  #isPairedAnew = false;
  #startsAtMs = Number.POSITIVE_INFINITY;
  #closesAtMs = Number.POSITIVE_INFINITY;
  #roundEndsAtMs = Number.POSITIVE_INFINITY;
  /** Since when ordinary checks have had their chance. */
  #sinceMs: number | null = null;

  constructor(random: (bytes: number) => Uint8Array) {
    this.#random = random;
  }

  poll(): GuessOutput[] {
    return this.#outputs.splice(0);
  }

  get deadline(): number {
    const sprays = this.#spray?.nextAtMs ?? Number.POSITIVE_INFINITY;
    return Math.min(
      this.#startsAtMs,
      this.#confirmation.deadline,
      this.#sockets.deadline,
      this.#roundEndsAtMs,
      this.#closesAtMs,
      sprays,
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
    if (this.#plan === null || socket !== mainSocket || remote !== peerTarget?.target) return false;
    const { foretells, awaits, spray } = this.#plan;
    return spray === 'open' || (foretells && !awaits);
  }

  /** Both sides have each other's addresses and no direct path: what can be done about it. */
  consider(situation: GuessSituation, nowMs: number): void {
    if (situation !== this.#situation) {
      this.#situation = situation;
      const key = keyOf(situation);
      if (key !== this.#key || !this.#isPlanStillRight()) this.#reset(key, nowMs);
    }
    // It has moved, and says where it is seen now when it knows: nothing is left to guess at.
    if (situation.peerTarget === null) return;
    this.#closeIfDue([], nowMs);
    if (this.#plan === null) this.#start(nowMs);
    if (this.#plan !== null) this.#proceed(nowMs);
  }

  #isPlanStillRight(): boolean {
    if (this.#plan === null) return true;
    const { own, peer, isFirst } = this.#situation!;
    if (this.#plan.anew) return meetsPlainly(own, peer) === true;
    const plan = planFor(own, peer, isFirst);
    return (['foretells', 'awaits', 'spray'] as const).every((part) => plan?.[part] === this.#plan![part]);
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
    if (!this.#attempts.mayStart(this.#nameOf(plan))) return;
    const isKnown = own.filtering !== 'unknown' && peer.filtering !== 'unknown';
    this.#startsAtMs = this.#sinceMs! + (plan?.anew ? SECOND_TRY_MS : isKnown ? 0 : PLAIN_FIRST_MS);
    if (nowMs < this.#startsAtMs) {
      if (plan !== null && !plan.anew && !this.#confirmation.wasAsked) this.#confirm();
      return;
    }
    this.#startsAtMs = Number.POSITIVE_INFINITY;
    this.#plan = plan;
    if (this.#plan !== null && this.#plan.spray !== null && !this.#attempts.takeSpray()) this.#plan = null;
    if (this.#plan === null) return;
    this.#attempts.start();
    // What a path that was lost has left open, or there would be more than the limit.
    this.#closesAtMs = Number.POSITIVE_INFINITY;
    this.#sockets.close();
    if (!this.#confirmation.wasAsked) this.#confirm();
    if (this.#plan.anew) {
      this.#isPairedAnew = false;
      this.#sockets.measure(null, nowMs);
      this.#roundEndsAtMs = nowMs + ROUND_WAIT_MS;
      this.#sockets.open(1);
    } else if (this.#plan.foretells) this.#foretell(this.#nextRound, nowMs);
    else if (this.#plan.spray !== null) {
      // Its sockets are not held for longer than the peer's rounds may take.
      if (this.#plan.awaits) this.#roundEndsAtMs = nowMs + allRoundsMs(ROUND_WAIT_MS);
      this.#sockets.open(socketsWanted(this.#plan.spray, own));
    }
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

  /** The round that the peer has begun, if it is new to us. */
  get #nextRound(): number {
    return this.#attempts.roundAfter(this.#situation!.peerGuess?.round ?? 0);
  }

  #foretell(round: number, nowMs: number): void {
    this.#attempts.beginRound(round);
    this.#roundEndsAtMs = nowMs + ROUND_WAIT_MS;
    this.#foretelling = new Foretelling(round, this.#situation!.own.ports);
    this.#sockets.open(this.#foretelling.wanted);
  }

  /** The sockets that were asked for; fewer when there are no more. */
  handleOpened(sockets: readonly FreshSocket[], nowMs: number): void {
    if (!this.#sockets.take(sockets)) return;
    if (sockets.length === 0) {
      this.#fail();
      return;
    }
    this.#sockets.measure(this.#toMeasure(sockets), nowMs);
    this.#tellGuess();
    this.#proceed(nowMs);
  }

  /** Which of these a server is to be asked about. */
  #toMeasure(sockets: readonly FreshSocket[]): SocketId | null {
    const { own, ownAddress } = this.#situation!;
    if (this.#plan?.anew) return isFixed(own) ? sockets[0]!.socket : null;
    return this.#foretelling?.handleOpened(sockets, ownAddress) ?? null;
  }

  /** How a server sees the socket that was to be measured. */
  handleMeasured(mapped: string, nowMs: number): void {
    if (this.#plan?.anew) this.#tellFresh(mapped);
    if (this.#foretelling === null || this.#foretelling.guess !== null) return;
    this.#foretelling.handleMeasured(mapped);
    this.#tellGuess();
    this.#proceed(nowMs);
  }

  /** One more port of ours that stays the same whoever is sent to. */
  #tellFresh(mapped: string): void {
    const seen = parseAddressPort(mapped);
    if (seen === null || !this.#sockets.takeMeasured()) return;
    const round = this.#nextRound;
    this.#attempts.noteRound(round);
    this.#outputs.push({ type: 'guess', guess: { round, address: seen.address, ports: [seen.port] } });
  }

  #tellGuess(): void {
    const guess = this.#foretelling?.guess;
    if (guess) this.#outputs.push({ type: 'guess', guess });
  }

  /** What the relay says about the address that it was asked about. */
  handleConfirmed(address: string, isConfirmed: boolean, nowMs: number): void {
    if (address !== this.#situation?.peerTarget?.address) return;
    this.#confirmation.handleAnswer(isConfirmed, nowMs);
    if (this.#plan !== null) this.#proceed(nowMs);
  }

  /** The peer was heard over a relay for the first time: so it is bound there. */
  notePeerBound(nowMs: number): void {
    this.#confirmation.hurry(nowMs);
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#startsAtMs) this.#start(nowMs);
    if (nowMs >= this.#confirmation.deadline) this.#confirm();
    this.#sockets.handleTimeout(nowMs);
    if (nowMs >= this.#roundEndsAtMs) this.#endRound(nowMs);
    if (this.#spray !== null) this.#pollSpray(nowMs);
    if (this.#plan !== null) this.#proceed(nowMs);
  }

  /** Whatever has become possible. */
  #proceed(nowMs: number): void {
    const { peerGuess } = this.#situation!;
    if (this.#plan?.foretells && this.#plan.awaits && this.#isBehind(peerGuess))
      this.#beginRound(peerGuess!.round, nowMs);
    if (this.#plan === null || !this.#confirmation.isGiven || this.#sockets.isOpening) return;
    if (this.#plan.anew) {
      this.#pairAnew(peerGuess);
      return;
    }
    const guess = this.#foretelling?.guess ?? null;
    if (this.#plan.foretells && guess === null) return;
    if (this.#plan.awaits && !this.#isUseful(peerGuess, guess)) return;
    if (this.#plan.spray === null) this.#pair(guess, peerGuess, nowMs);
    else if (this.#spray === null) this.#startSpray(peerGuess, nowMs);
  }

  /** New, and of the same round where both foretell. */
  #isUseful(peerGuess: Guess | null, guess: Guess | null): boolean {
    if (peerGuess === null || peerGuess.round <= this.#usedPeerRound) return false;
    return guess === null || peerGuess.round === guess.round;
  }

  #isBehind(peerGuess: Guess | null): boolean {
    return peerGuess !== null && (this.#foretelling?.round ?? 0) < peerGuess.round;
  }

  #pair(guess: Guess | null, peerGuess: Guess | null, nowMs: number): void {
    const { foretells, awaits } = this.#plan!;
    if (foretells && guess!.round === this.#pairedRound) return;
    if (foretells) this.#pairedRound = guess!.round;
    if (awaits) this.#usedPeerRound = peerGuess!.round;
    const told = awaits ? peerGuess : null;
    for (const pair of pairsOfGuesses(this.#situation!, this.#foretelling?.sockets ?? [], guess, told))
      this.#outputs.push({ type: 'pair', ...pair });
    if (foretells) this.#roundEndsAtMs = nowMs + ROUND_MS;
  }

  /** Our fresh socket and the peer's address of ordinary checks, and the other way round. */
  #pairAnew(peerGuess: Guess | null): void {
    const { peerTarget, mainSocket } = this.#situation!;
    const { address, target } = peerTarget!;
    const [fresh] = this.#sockets.held;
    if (fresh !== undefined && !this.#isPairedAnew) {
      this.#isPairedAnew = true;
      this.#outputs.push({ type: 'pair', socket: fresh.socket, remote: target });
    }
    const port = this.#isUseful(peerGuess, null) ? peerGuess!.ports[0] : undefined;
    if (port === undefined) return;
    this.#usedPeerRound = peerGuess!.round;
    this.#outputs.push({ type: 'pair', socket: mainSocket, remote: formatAddressPort({ address, port }) });
  }

  #startSpray(peerGuess: Guess | null, nowMs: number): void {
    const { own, peer, peerTarget, mainSocket } = this.#situation!;
    const { spray: role, awaits, foretells } = this.#plan!;
    const { address, target } = peerTarget!;
    const port = awaits ? peerGuess!.ports[0] : undefined;
    if (awaits) this.#usedPeerRound = peerGuess!.round;
    this.#spray = new Spray(
      {
        role: role!,
        own,
        peer,
        address,
        target: port === undefined ? target : formatAddressPort({ address, port }),
        probeFrom: foretells ? this.#foretelling!.sockets[0]!.socket : mainSocket,
        sockets: this.#sockets.held.map(({ socket }) => socket),
        random: this.#random,
      },
      nowMs,
    );
    this.#roundEndsAtMs = Number.POSITIVE_INFINITY;
    this.#pollSpray(nowMs);
  }

  /** A check has arrived from an address that has not answered yet. */
  noteHit(nowMs: number): void {
    this.#spray?.pause(nowMs);
    // Its sockets must not be closed before the answer is here.
    if (this.#plan?.foretells || this.#plan?.anew)
      this.#roundEndsAtMs = Math.max(this.#roundEndsAtMs, nowMs + ROUND_MS);
  }

  #pollSpray(nowMs: number): void {
    for (const packet of this.#spray!.poll(nowMs)) this.#outputs.push({ type: 'probe', ...packet });
    if (this.#spray!.isOver(nowMs)) this.#fail();
  }

  /** The foretold ports were wrong, or the peer has not told any. */
  #endRound(nowMs: number): void {
    if (!this.#attempts.hasRound || !this.#plan!.foretells) this.#fail();
    else this.#beginRound(this.#nextRound, nowMs);
  }

  #beginRound(round: number, nowMs: number): void {
    this.#sockets.close();
    if (!this.#attempts.hasRoundEver) this.#fail();
    else this.#foretell(round, nowMs);
  }

  #fail(): void {
    this.#attempts.fail(this.#nameOf(this.#plan));
    this.#stop();
  }

  /**
   * There are direct paths: nothing is left to guess. Their sockets stay, and for a while the others, too: the peer may
   * have found another pair first, and what one side has proven the other proves within a round trip.
   */
  settle(used: readonly SocketId[], nowMs: number): void {
    if (this.#plan !== null) {
      this.#endPlan();
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
    this.#endPlan();
    this.#closesAtMs = Number.POSITIVE_INFINITY;
    this.#sockets.close();
  }

  #endPlan(): void {
    this.#plan = null;
    this.#spray = null;
    this.#foretelling = null;
    this.#sockets.rest();
    this.#startsAtMs = Number.POSITIVE_INFINITY;
    this.#confirmation.rest();
    this.#roundEndsAtMs = Number.POSITIVE_INFINITY;
  }
}
