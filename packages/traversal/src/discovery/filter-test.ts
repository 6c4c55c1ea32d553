import { viewOf } from '@overcall/wire';
import { formatAddressPort } from '../ip-address.ts';
import { findAttribute, StunAttribute, type StunAttributeValue } from '../stun-message.ts';
import { CHANGE_ADDRESS, CHANGE_PORT } from '../stun-responder.ts';
import type { DiscoveryServer } from './discovery-types.ts';
import { type Inquiries, type Inquiry, otherAddressOf } from './inquiries.ts';
import { hostOf, type LetIn } from './verdicts.ts';

/** A voucher and what comes with it: an answer is never longer than its request. */
const VOUCHER_REQUEST_BYTES = 760;
const COOKIE_BYTES = 16;
/** Rounds follow each other by this, ms; so many of them must have been answered before silence means something. */
const ROUND_MS = 30;
const ENOUGH = 3;
const ENOUGH_UNDER_LOSS = 7;
/** Round trip from which on everything is asked at once, ms. */
const FAR_MS = 200;
const MAX_ROUNDS = 14;
/** What was sent before something that has arrived comes within this time after it, or never. */
const LEAST_GRACE_MS = 40;
const GRACE_ROUND_TRIPS = 0.5;

interface Round {
  mayShow: boolean;
  control: Inquiry;
  otherPort: Inquiry | null;
  /** From the server's own other address. */
  otherAddress: Inquiry | null;
  /** From another supernode, which was shown the voucher. */
  shown: Inquiry | null;
}

/**
 * Whether a NAT lets in what one socket did not ask for (RFC 5780, 4.4). The socket sends to one endpoint of one server
 * only, and first: its mapping must be there before anything else comes.
 */
export class FilterTest {
  readonly #inquiries: Inquiries;
  readonly #socket: number;
  readonly #server: string;
  readonly #other: DiscoveryServer | undefined;
  readonly #presenter: number;
  readonly #first: Inquiry;
  readonly #rounds: Round[] = [];
  #nextRoundAtMs = 0;
  #confirmedAtMs = { port: Number.POSITIVE_INFINITY, address: Number.POSITIVE_INFINITY };
  letIn: LetIn = { otherPort: null, otherAddress: null };
  isOver = false;

  /** @param presenter a socket that shows vouchers to `other` */
  constructor(
    inquiries: Inquiries,
    sockets: { socket: number; presenter: number },
    server: DiscoveryServer,
    other: DiscoveryServer | undefined,
    nowMs: number,
  ) {
    this.#inquiries = inquiries;
    this.#socket = sockets.socket;
    this.#presenter = sockets.presenter;
    this.#server = server.addresses[0]!;
    this.#other = other;
    const attributes: StunAttributeValue[] = [
      { type: StunAttribute.ProbeCookie, value: new Uint8Array(COOKIE_BYTES) },
      ...(other === undefined ? [] : [{ type: StunAttribute.VoucherFor, value: other.keyId }]),
    ];
    this.#first = inquiries.ask(this.#socket, this.#server, nowMs, {
      attributes,
      bytes: other === undefined ? 0 : VOUCHER_REQUEST_BYTES,
    });
  }

  /** The answer by which the mapping was made. */
  get first(): Inquiry {
    return this.#first;
  }

  /** When it wants to be looked at again. */
  get deadline(): number {
    if (this.isOver || !this.#first.isOver) return Number.POSITIVE_INFINITY;
    const { port, address } = this.#confirmedAtMs;
    const judged = [
      ...(this.letIn.otherPort === null ? [port] : []),
      ...(this.letIn.otherAddress === null ? [address] : []),
    ];
    return Math.min(this.#nextRoundAtMs, ...judged.map((atMs) => atMs + this.#graceMs));
  }

  advance(nowMs: number): void {
    if (this.isOver || !this.#first.isOver) return;
    if (this.#first.answer === null) {
      this.isOver = true;
      return;
    }
    this.#judge(nowMs);
    if (this.isOver || nowMs < this.#nextRoundAtMs) return;
    if (this.#rounds.length === MAX_ROUNDS) {
      this.#nextRoundAtMs = Number.POSITIVE_INFINITY;
      return;
    }
    // No more than are needed are on their way: a narrow link must not be filled by them.
    const mayShow = this.#mayShow;
    const useful = this.#rounds.filter((round) => !hasFailed(round) && (!mayShow || round.mayShow));
    if (useful.length < this.#enough) this.#rounds.push(this.#round(mayShow, nowMs));
    this.#nextRoundAtMs = nowMs + ROUND_MS;
  }

  /**
   * Vouchers are long, and a NAT that keeps other ports out needs none: except on far networks, where time is short, that is
   * found out first.
   */
  get #mayShow(): boolean {
    const other = otherAddressOf(this.#first.answer);
    const hasOtherPort = other !== null && formatAddressPort(other) !== this.#server;
    const isFar = (this.#inquiries.shortestRttMs ?? 0) > FAR_MS;
    return !hasOtherPort || isFar || this.letIn.otherPort === true;
  }

  #round(mayShow: boolean, nowMs: number): Round {
    const { message } = this.#first.answer!;
    const other = otherAddressOf(this.#first.answer);
    const cookie = findAttribute(message, StunAttribute.ProbeCookie) ?? new Uint8Array(COOKIE_BYTES);
    const voucher = findAttribute(message, StunAttribute.Voucher);
    const once = (attributes: StunAttributeValue[]) =>
      this.#inquiries.ask(this.#socket, this.#server, nowMs, { attributes, maxRequests: 1 });
    const change = (flags: number) =>
      once([
        { type: StunAttribute.ChangeRequest, value: changeRequest(flags) },
        { type: StunAttribute.ProbeCookie, value: cookie },
      ]);
    const hasOtherAddress = other !== null && other.address !== hostOf(this.#server);
    const isOtherPort = other !== null && formatAddressPort(other) !== this.#server;
    return {
      mayShow,
      otherPort: isOtherPort ? change(CHANGE_PORT) : null,
      otherAddress: hasOtherAddress ? change(CHANGE_PORT | CHANGE_ADDRESS) : null,
      shown:
        !mayShow || voucher === null || this.#other === undefined
          ? null
          : this.#inquiries.ask(this.#presenter, this.#other.addresses[0]!, nowMs, {
              attributes: [{ type: StunAttribute.Voucher, value: voucher }],
              maxRequests: 1,
            }),
      control: once([]),
    };
  }

  #judge(nowMs: number): void {
    const rounds = this.#rounds;
    const came = (inquiry: Inquiry | null, isRight: (from: string) => boolean) =>
      inquiry?.strays.some(({ socket, from }) => socket === this.#socket && isRight(from)) ?? false;
    const isHere = (from: string) => hostOf(from) === hostOf(this.#server);
    const heardPort = rounds.some(({ otherPort }) => came(otherPort, isHere));
    const heardAddress = rounds.some(
      ({ otherAddress, shown }) =>
        came(otherAddress, (from) => !isHere(from)) || came(shown, (from) => !isHere(from)),
    );
    const controls = rounds.filter(({ control }) => control.answer !== null);
    const lost = rounds.filter(({ control }) => control.isOver && control.answer === null).length;
    if (lost > 0) this.#inquiries.sawLoss = true;
    const asked = {
      port: controls.filter(({ otherPort }) => otherPort !== null && !wasRefused(otherPort)),
      address: rounds.filter(
        ({ control, otherAddress, shown }) =>
          (otherAddress !== null && !wasRefused(otherAddress) && control.answer !== null) ||
          (shown !== null && shown.answer !== null),
      ),
    };
    this.letIn = {
      otherPort: heardPort || (this.#isSilence('port', asked.port.length, nowMs) ? false : null),
      otherAddress: heardAddress || (this.#isSilence('address', asked.address.length, nowMs) ? false : null),
    };
    const { otherPort, otherAddress } = this.letIn;
    // What keeps other ports of a known address out keeps other addresses out as well.
    const isKnown = otherAddress === true || otherPort === false || (otherPort && otherAddress !== null);
    const isExhausted = rounds.length === MAX_ROUNDS && rounds.every(hasEnded);
    this.isOver = isKnown === true || isExhausted || (rounds.length > 0 && this.#canAskNothing);
  }

  get #canAskNothing(): boolean {
    return this.#rounds.every(
      ({ otherPort, otherAddress, shown, mayShow }) =>
        mayShow && otherPort === null && otherAddress === null && shown === null,
    );
  }

  /** Enough requests for a probe were seen to, some time ago. */
  #isSilence(kind: 'port' | 'address', confirmed: number, nowMs: number): boolean {
    if (confirmed < this.#enough) this.#confirmedAtMs[kind] = Number.POSITIVE_INFINITY;
    else this.#confirmedAtMs[kind] = Math.min(this.#confirmedAtMs[kind], nowMs);
    return nowMs >= this.#confirmedAtMs[kind] + this.#graceMs;
  }

  get #enough(): number {
    return this.#inquiries.sawLoss ? ENOUGH_UNDER_LOSS : ENOUGH;
  }

  get #graceMs(): number {
    return Math.max(LEAST_GRACE_MS, GRACE_ROUND_TRIPS * (this.#inquiries.rttMs ?? 0));
  }
}

/** An error in place of a probe. */
const wasRefused = (inquiry: Inquiry): boolean => inquiry.refused;

const hasEnded = ({ control, otherPort, otherAddress, shown }: Round): boolean =>
  [control, otherPort, otherAddress, shown].every((inquiry) => inquiry === null || inquiry.isOver);

/** Nobody knows whether a probe was sent. */
const hasFailed = ({ control, shown }: Round): boolean =>
  [control, shown].some((inquiry) => inquiry?.isOver && inquiry.answer === null);

function changeRequest(flags: number): Uint8Array {
  const value = new Uint8Array(4);
  viewOf(value).setUint32(0, flags);
  return value;
}
