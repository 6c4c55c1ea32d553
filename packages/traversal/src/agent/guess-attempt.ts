import { formatAddressPort, parseAddressPort } from '../ip-address.ts';
import { Foretelling, type FreshSocket, type Guess } from './foretelling.ts';
import { allRoundsMs, type GuessLimits } from './guess-limits.ts';
import { type GuessOutput, type GuessSituation, pairsOfGuesses } from './guess-situation.ts';
import type { GuessSockets } from './guess-sockets.ts';
import { type GuessPlan, isFixed } from './nat-pair.ts';
import type { SocketId } from './path.ts';
import { Spray, socketsWanted } from './spray.ts';

/** A round of foretold ports that led nowhere is followed by the next after this time, ms. */
const ROUND_MS = 700;
/** And one for which a server's or the peer's word is missing, after this time. */
const ROUND_WAIT_MS = 2000;

export interface AttemptSurroundings {
  sockets: GuessSockets;
  limits: GuessLimits;
  random: (bytes: number) => Uint8Array;
  emit(output: GuessOutput): void;
}

/**
 * One attempt to guess ports: carries out a plan in rounds of foretold ports, by a spray, or with one fresh socket. Life:
 * `begin`; `proceed` whenever something more may have become possible; until `hasFailed`, or nobody asks any more.
 */
export class GuessAttempt {
  readonly plan: GuessPlan;
  /** What is known now. */
  situation: GuessSituation;
  /** It has led nowhere. */
  hasFailed = false;
  readonly #around: AttemptSurroundings;
  #foretelling: Foretelling | null = null;
  /** The round of our own whose ports have been paired. */
  #pairedRound = 0;
  #spray: Spray | null = null;
  /** The fresh socket of a second try has its path. */
  #isPairedAnew = false;
  #roundEndsAtMs = Number.POSITIVE_INFINITY;

  constructor(plan: GuessPlan, situation: GuessSituation, around: AttemptSurroundings) {
    this.plan = plan;
    this.situation = situation;
    this.#around = around;
  }

  get deadline(): number {
    return Math.min(this.#roundEndsAtMs, this.#spray?.nextAtMs ?? Number.POSITIVE_INFINITY);
  }

  begin(nowMs: number): void {
    const { sockets } = this.#around;
    if (this.plan.anew) {
      sockets.measure(null, nowMs);
      this.#roundEndsAtMs = nowMs + ROUND_WAIT_MS;
      sockets.open(1);
    } else if (this.plan.foretells) this.#foretell(this.#nextRound, nowMs);
    else if (this.plan.spray !== null) {
      // Its sockets are not held for longer than the peer's rounds may take.
      if (this.plan.awaits) this.#roundEndsAtMs = nowMs + allRoundsMs(ROUND_WAIT_MS);
      sockets.open(socketsWanted(this.plan.spray, this.situation.own));
    }
  }

  /** The round that the peer has begun, if it is new to us. */
  get #nextRound(): number {
    return this.#around.limits.roundAfter(this.situation.peerGuess?.round ?? 0);
  }

  #foretell(round: number, nowMs: number): void {
    this.#around.limits.beginRound(round);
    this.#roundEndsAtMs = nowMs + ROUND_WAIT_MS;
    this.#foretelling = new Foretelling(round, this.situation.own.ports);
    this.#around.sockets.open(this.#foretelling.wanted);
  }

  /** The sockets that were asked for; fewer when there are no more. */
  handleOpened(sockets: readonly FreshSocket[], nowMs: number): void {
    if (sockets.length === 0) {
      this.hasFailed = true;
      return;
    }
    this.#around.sockets.measure(this.#toMeasure(sockets), nowMs);
    this.#tellGuess();
  }

  /** Which of these a server is to be asked about. */
  #toMeasure(sockets: readonly FreshSocket[]): SocketId | null {
    const { own, ownAddress } = this.situation;
    if (this.plan.anew) return isFixed(own) ? sockets[0]!.socket : null;
    return this.#foretelling?.handleOpened(sockets, ownAddress) ?? null;
  }

  /** How a server sees the socket that was to be measured. */
  handleMeasured(mapped: string): void {
    if (this.plan.anew) this.#tellFresh(mapped);
    if (this.#foretelling === null || this.#foretelling.guess !== null) return;
    this.#foretelling.handleMeasured(mapped);
    this.#tellGuess();
  }

  /** One more port of ours that stays the same whoever is sent to. */
  #tellFresh(mapped: string): void {
    const { sockets, limits, emit } = this.#around;
    const seen = parseAddressPort(mapped);
    if (seen === null || !sockets.takeMeasured()) return;
    const round = this.#nextRound;
    limits.noteRound(round);
    emit({ type: 'guess', guess: { round, address: seen.address, ports: [seen.port] } });
  }

  #tellGuess(): void {
    const guess = this.#foretelling?.guess;
    if (guess) this.#around.emit({ type: 'guess', guess });
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#roundEndsAtMs) this.#endRound(nowMs);
    if (this.#spray !== null && !this.hasFailed) this.#pollSpray(nowMs);
  }

  /**
   * Whatever has become possible.
   * @param isConfirmed the relay has seen the peer at the address that is guessed at
   */
  proceed(isConfirmed: boolean, nowMs: number): void {
    if (this.hasFailed) return;
    const { peerGuess } = this.situation;
    if (this.plan.foretells && this.plan.awaits && this.#isBehind(peerGuess))
      this.#beginRound(peerGuess!.round, nowMs);
    if (this.hasFailed || !isConfirmed || this.#around.sockets.isOpening) return;
    if (this.plan.anew) {
      this.#pairAnew(peerGuess);
      return;
    }
    const guess = this.#foretelling?.guess ?? null;
    if (this.plan.foretells && guess === null) return;
    if (this.plan.awaits && !this.#isUseful(peerGuess, guess)) return;
    if (this.plan.spray === null) this.#pair(guess, peerGuess, nowMs);
    else if (this.#spray === null) this.#startSpray(peerGuess, nowMs);
  }

  /** New, and of the same round where both foretell. */
  #isUseful(peerGuess: Guess | null, guess: Guess | null): boolean {
    if (peerGuess === null || peerGuess.round <= this.#around.limits.usedPeerRound) return false;
    return guess === null || peerGuess.round === guess.round;
  }

  #isBehind(peerGuess: Guess | null): boolean {
    return peerGuess !== null && (this.#foretelling?.round ?? 0) < peerGuess.round;
  }

  #pair(guess: Guess | null, peerGuess: Guess | null, nowMs: number): void {
    const { foretells, awaits } = this.plan;
    if (foretells && guess!.round === this.#pairedRound) return;
    if (foretells) this.#pairedRound = guess!.round;
    if (awaits) this.#around.limits.usedPeerRound = peerGuess!.round;
    const told = awaits ? peerGuess : null;
    for (const pair of pairsOfGuesses(this.situation, this.#foretelling?.sockets ?? [], guess, told))
      this.#around.emit({ type: 'pair', ...pair });
    if (foretells) this.#roundEndsAtMs = nowMs + ROUND_MS;
  }

  /** Our fresh socket and the peer's address of ordinary checks, and the other way round. */
  #pairAnew(peerGuess: Guess | null): void {
    const { limits, sockets, emit } = this.#around;
    const { peerTarget, mainSocket } = this.situation;
    const { address, target } = peerTarget!;
    const [fresh] = sockets.held;
    if (fresh !== undefined && !this.#isPairedAnew) {
      this.#isPairedAnew = true;
      emit({ type: 'pair', socket: fresh.socket, remote: target });
    }
    const port = this.#isUseful(peerGuess, null) ? peerGuess!.ports[0] : undefined;
    if (port === undefined) return;
    limits.usedPeerRound = peerGuess!.round;
    emit({ type: 'pair', socket: mainSocket, remote: formatAddressPort({ address, port }) });
  }

  #startSpray(peerGuess: Guess | null, nowMs: number): void {
    const { sockets, limits, random } = this.#around;
    const { own, peer, peerTarget, mainSocket } = this.situation;
    const { spray: role, awaits, foretells } = this.plan;
    const { address, target } = peerTarget!;
    const port = awaits ? peerGuess!.ports[0] : undefined;
    if (awaits) limits.usedPeerRound = peerGuess!.round;
    this.#spray = new Spray(
      {
        role: role!,
        own,
        peer,
        address,
        target: port === undefined ? target : formatAddressPort({ address, port }),
        probeFrom: foretells ? this.#foretelling!.sockets[0]!.socket : mainSocket,
        sockets: sockets.held.map(({ socket }) => socket),
        random,
      },
      nowMs,
    );
    this.#roundEndsAtMs = Number.POSITIVE_INFINITY;
    this.#pollSpray(nowMs);
  }

  #pollSpray(nowMs: number): void {
    for (const packet of this.#spray!.poll(nowMs)) this.#around.emit({ type: 'probe', ...packet });
    if (this.#spray!.isOver(nowMs)) this.hasFailed = true;
  }

  /** A check has arrived from an address that has not answered yet. */
  noteHit(nowMs: number): void {
    this.#spray?.pause(nowMs);
    // Its sockets must not be closed before the answer is here.
    if (this.plan.foretells || this.plan.anew)
      this.#roundEndsAtMs = Math.max(this.#roundEndsAtMs, nowMs + ROUND_MS);
  }

  /** The foretold ports were wrong, or the peer has not told any. */
  #endRound(nowMs: number): void {
    if (!this.#around.limits.hasRound || !this.plan.foretells) this.hasFailed = true;
    else this.#beginRound(this.#nextRound, nowMs);
  }

  #beginRound(round: number, nowMs: number): void {
    this.#around.sockets.close();
    if (!this.#around.limits.hasRoundEver) this.hasFailed = true;
    else this.#foretell(round, nowMs);
  }
}
