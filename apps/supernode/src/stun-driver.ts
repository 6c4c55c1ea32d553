import { monotonicMs, type UdpAddress } from '@overcall/net';
import { type AddressPolicy, PrefixLimiter } from '@overcall/overlay';
import {
  type AddressPort,
  canonicalAddress,
  STUN_HEADER_BYTES,
  type StunOutcome,
  type StunService,
} from '@overcall/traversal';
import { toBase64Url } from '@overcall/wire';
import type { ProbeVouchers } from './probe-vouchers.ts';

/** Plain STUN answers are longer than their requests, so a spoofed source prefix gets only so many. */
const ANSWER_LIMITS = { perPrefix: { perSecond: 100, burst: 200 }, all: { perSecond: 5000, burst: 5000 } };
/** Answers from elsewhere to those who hold no cookie: standard tools, tried by hand. */
const UNPROVEN_LIMITS = { perPrefix: { perSecond: 1, burst: 10 }, all: { perSecond: 20, burst: 40 } };
/** Signing a voucher, and checking one, take some 0.2 ms of processor each. */
const VOUCHER_LIMITS = { perPrefix: { perSecond: 5, burst: 60 }, all: { perSecond: 100, burst: 300 } };
/** Probes, by the prefix that they go to. */
const PROBE_LIMITS = { perPrefix: { perSecond: 5, burst: 60 }, all: { perSecond: 100, burst: 300 } };

export interface StunDriverOptions {
  service: StunService;
  vouchers: Pick<ProbeVouchers, 'sign' | 'check'>;
  mayProbe: AddressPolicy;
  send(socket: number, datagram: Uint8Array, to: UdpAddress): void;
  drop(reason: string): void;
  /** An answer, to a request of this supernode; false when it never asked. */
  onAnswer(datagram: Uint8Array): boolean;
}

/** Answers STUN within limits, and sends probes to addresses that were vouched for. */
export class StunDriver {
  answers = 0;
  probes = 0;
  readonly #options: StunDriverOptions;
  readonly #answerLimiter = new PrefixLimiter(ANSWER_LIMITS, monotonicMs());
  readonly #unprovenLimiter = new PrefixLimiter(UNPROVEN_LIMITS, monotonicMs());
  readonly #signingLimiter = new PrefixLimiter(VOUCHER_LIMITS, monotonicMs());
  readonly #checkingLimiter = new PrefixLimiter(VOUCHER_LIMITS, monotonicMs());
  readonly #probeLimiter = new PrefixLimiter(PROBE_LIMITS, monotonicMs());

  constructor(options: StunDriverOptions) {
    this.#options = options;
  }

  handle(socket: number, datagram: Uint8Array, source: UdpAddress): void {
    const { service, drop } = this.#options;
    if (isBindingSuccess(datagram) && this.#options.onAnswer(datagram)) return;
    const nowMs = monotonicMs();
    const outcome = service.handle(socket, datagram, source, nowMs);
    if (outcome.kind === 'drop') drop(outcome.reason);
    else if (!this.#answerLimiter.take(source.address, nowMs)) drop('stun-limited');
    else if (outcome.kind === 'vouch') void this.#vouch(socket, outcome, source);
    else if (outcome.kind === 'probe') void this.#probe(socket, outcome, source);
    else if (outcome.isUnprovenProbe && !this.#unprovenLimiter.take(source.address, nowMs))
      drop('stun-limited');
    else this.#answer(outcome.from, outcome.datagram, outcome.to);
  }

  #answer(socket: number, datagram: Uint8Array, to: UdpAddress): void {
    this.answers++;
    this.#options.send(socket, datagram, to);
  }

  async #vouch(
    socket: number,
    outcome: Extract<StunOutcome, { kind: 'vouch' }>,
    source: UdpAddress,
  ): Promise<void> {
    const address = canonicalAddress(source.address)!;
    const mayBe = this.#signingLimiter.take(address, monotonicMs());
    const vouched = { address, port: source.port };
    const token = mayBe ? await this.#options.vouchers.sign(toBase64Url(outcome.audience), vouched) : null;
    this.#answer(socket, outcome.answer(token === null ? null : new TextEncoder().encode(token)), source);
  }

  async #probe(
    socket: number,
    { token, answer, probe }: Extract<StunOutcome, { kind: 'probe' }>,
    source: UdpAddress,
  ): Promise<void> {
    const { vouchers, drop } = this.#options;
    if (!this.#checkingLimiter.take(source.address, monotonicMs())) return drop('stun-limited');
    const vouched = await vouchers.check(new TextDecoder().decode(token));
    const to = vouched === null ? null : this.#permitted(vouched);
    if (to === null) return drop('bad-voucher');
    if (!this.#probeLimiter.take(to.address, monotonicMs())) return drop('stun-limited');
    this.probes++;
    this.#options.send(socket, probe(to), to);
    this.#answer(socket, answer, source);
  }

  /** What another supernode vouches for is still no reason to send into one's own network. */
  #permitted({ address, port }: AddressPort): AddressPort | null {
    const canonical = canonicalAddress(address);
    if (canonical === null || canonical.includes(':') || !this.#options.mayProbe(canonical)) return null;
    return { address: canonical, port };
  }
}

/** 0x0101 and a whole header: see stun-message.ts. */
function isBindingSuccess(datagram: Uint8Array): boolean {
  return datagram[0] === 1 && datagram[1] === 1 && datagram.length >= STUN_HEADER_BYTES;
}
