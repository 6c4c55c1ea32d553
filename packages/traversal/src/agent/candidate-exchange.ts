import type { CheckAddress, FlowId } from '@overcall/wire';
import { addressBytes, parseAddressPort } from '../ip-address.ts';
import { type NatBehaviour, UNKNOWN_NAT } from '../nat-behaviour.ts';
import { type Candidate, familyOf } from './candidate.ts';
import type { Guess } from './foretelling.ts';
import type { GuessSituation } from './guess-situation.ts';
import type { SocketId } from './path.ts';

/** What softphones tell each other about their addresses, sealed, through their supernodes. */
export interface CandidateMessage {
  /** Grows with each change. */
  seq: number;
  /** The newest of the peer's messages that has arrived; 0 for none. */
  ack: number;
  /** Flow id of direct datagrams to the sender of this message. */
  flow: FlowId;
  candidates: Candidate[];
  /** What is known of the sender's NATs. */
  nat?: NatBehaviour;
  /** Ports at which its fresh sockets will be seen. */
  guess?: Guess;
}

/** What both sides know of each other's addresses, and know that the other knows. */
export class CandidateExchange {
  readonly #receiveFlow: FlowId;
  #local: readonly Candidate[] = [];
  #localSeq = 0;
  #peerHas = 0;
  #remoteSeq = 0;
  #reflexiveTurn = 0;
  /** Of the peer, as it said last. */
  remote: readonly Candidate[] = [];
  /** What is known of the NATs on either side. */
  localNat: NatBehaviour = UNKNOWN_NAT;
  remoteNat: NatBehaviour = UNKNOWN_NAT;
  #localGuess: Guess | undefined;
  /** The newest guess of the peer. */
  remoteGuess: Guess | null = null;
  /** On which the peer listens; null while it has not said. */
  sendFlow: FlowId | null = null;
  #situation: GuessSituation | null = null;
  /** Whether the peer may learn our addresses. */
  isExposed = false;

  constructor(receiveFlow: FlowId) {
    this.#receiveFlow = receiveFlow;
  }

  /** False when nothing has changed. */
  setLocal(candidates: readonly Candidate[]): boolean {
    const before = this.#local;
    if (candidates.length === before.length && candidates.every((one) => has(before, one))) return false;
    this.#local = [...candidates];
    this.#localSeq++;
    this.#situation = null;
    return true;
  }

  /** False when nothing has changed. */
  setNat(nat: NatBehaviour): boolean {
    if (JSON.stringify(nat) === JSON.stringify(this.localNat)) return false;
    this.localNat = nat;
    this.#localSeq++;
    this.#situation = null;
    return true;
  }

  setGuess(guess: Guess): void {
    this.#localGuess = guess;
    this.#localSeq++;
  }

  expose(): void {
    this.isExposed = true;
    this.#localSeq++;
    this.#situation = null;
  }

  /** What is told next is to be taken for news, although nothing has changed. */
  renew(): void {
    this.#localSeq++;
  }

  /** What to tell the peer now. */
  message(): CandidateMessage {
    const candidates = [...this.#local];
    const { localNat: nat } = this;
    return {
      seq: this.#localSeq,
      ack: this.#remoteSeq,
      flow: this.#receiveFlow,
      candidates,
      ...(nat === UNKNOWN_NAT ? {} : { nat }),
      ...(this.#localGuess === undefined ? {} : { guess: this.#localGuess }),
    };
  }

  /** True when the peer tells something new, false when it only says what it has heard. */
  read({ seq, ack, flow, candidates, nat, guess }: CandidateMessage): boolean {
    this.#peerHas = Math.max(this.#peerHas, ack);
    if (seq <= this.#remoteSeq) return false;
    this.#remoteSeq = seq;
    this.sendFlow = flow;
    this.remote = candidates;
    this.remoteNat = nat ?? UNKNOWN_NAT;
    this.remoteGuess = guess ?? null;
    this.#situation = null;
    return true;
  }

  /** True at one of the two sides, to break ties. */
  get isFirst(): boolean {
    return this.#receiveFlow < (this.sendFlow ?? 0);
  }

  /** What there is to guess ports from; null before both sides know each other's addresses. The same object until something changes. */
  situation(mainSocket: SocketId): GuessSituation | null {
    if (this.#situation?.mainSocket !== mainSocket) this.#situation = this.#look(mainSocket);
    return this.#situation;
  }

  #look(mainSocket: SocketId): GuessSituation | null {
    if (!this.isExposed || this.sendFlow === null) return null;
    const { localNat: own, remoteNat: peer, isFirst } = this;
    const target = outsideAddressOf(this.remote, peer);
    const address = ipOf(target);
    return {
      own,
      peer,
      ownAddress: ipOf(outsideAddressOf(this.#local, own)),
      peerTarget: target === null || address === null ? null : { address, target },
      peerGuess: this.remoteGuess?.address === address ? this.remoteGuess : null,
      isFirst,
      mainSocket,
    };
  }

  get peerHasAll(): boolean {
    return this.#peerHas >= this.#localSeq;
  }

  /** The addresses that a NAT may change, one after the other; null where the peer is not to know any. */
  nextReflexive(): CheckAddress | null {
    if (!this.isExposed) return null;
    const changing = this.#local.filter(({ kind }) => kind !== 'host');
    return changing.length === 0
      ? null
      : checkAddressOf(changing[this.#reflexiveTurn++ % changing.length]!.address);
  }
}

const has = (candidates: readonly Candidate[], { kind, address }: Candidate): boolean =>
  candidates.some((other) => other.kind === kind && other.address === address);

const ipOf = (outside: string | null): string | null =>
  (outside && parseAddressPort(outside)?.address) ?? null;

/** The IPv4 address at which servers see somebody, told by candidates: a NAT's, or one's own where there is none. */
function outsideAddressOf(candidates: readonly Candidate[], nat: NatBehaviour): string | null {
  const find = (kind: Candidate['kind']) =>
    candidates.find((one) => one.kind === kind && familyOf(one.address) === 'ipv4')?.address;
  return find('server-reflexive') ?? (nat.mapping === 'none' ? find('host') : undefined) ?? null;
}

/** `ip:port` as checks carry it. */
export function checkAddressOf(text: string): CheckAddress | null {
  const parsed = parseAddressPort(text);
  const address = parsed && addressBytes(parsed.address);
  return address ? { address, port: parsed!.port } : null;
}
