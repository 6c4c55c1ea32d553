import {
  DIAL_BACK_REPORT_LIFETIME_S,
  DialBackReport,
  DialBackRequest,
  type DialBackResult,
  DialBackTicket,
  type DirectoryTrust,
  type KeyId,
  keyIdOf,
  peekClaims,
  type SigningPrivateKey,
  type SupernodeEntry,
  signObject,
  verifyObject,
} from '@overcall/identity';
import { type DialBackAnswered, monotonicMs } from '@overcall/net';
import { type AddressPolicy, PrefixLimiter } from '@overcall/overlay';
import { parseAddressPort } from '@overcall/traversal';
import { fromBase64Url } from '@overcall/wire';
import type { AddressProber } from './address-prober.ts';

/** Requests, by the prefix that they come from: a supernode that cannot be reached tries again every few minutes. */
const REQUEST_LIMITS = { perPrefix: { perSecond: 0.2, burst: 30 }, all: { perSecond: 10, burst: 60 } };
/** Addresses that are tried, by the prefix they are in: nobody is to be bothered by way of this supernode. */
const TARGET_LIMITS = { perPrefix: { perSecond: 0.5, burst: 60 }, all: { perSecond: 40, burst: 240 } };
/** Requests under way, each with up to 8 addresses and some seconds. */
const MAX_UNDER_WAY = 32;
/** Tickets that were used, for as long as they are good. */
const MAX_USED_TICKETS = 4096;

export interface WitnessOptions {
  key: SigningPrivateKey;
  id: KeyId;
  mayReach: AddressPolicy;
  prober: Pick<AddressProber, 'tryUdp' | 'tryTcp'>;
  /** Null until the directory is known. */
  directory(): DirectoryTrust | null;
  /** The entry of a supernode in the newest list. */
  listed(id: KeyId): Promise<SupernodeEntry | null>;
  now?: () => number;
}

/**
 * Tries to reach a supernode that asks for it, at the addresses that the directory has signed for it: in a ticket, once, or in
 * the supernode list. It sends to no other address, and to none that it would not relay to.
 */
export class DialBackWitness {
  /** What came of requests, by outcome. */
  readonly counts = new Map<string, number>();
  readonly #options: WitnessOptions;
  readonly #now: () => number;
  readonly #requests: PrefixLimiter;
  readonly #targets: PrefixLimiter;
  /** Expiry by ticket. */
  readonly #used = new Map<string, number>();
  #underWay = 0;

  constructor(options: WitnessOptions) {
    this.#options = options;
    this.#now = options.now ?? monotonicMs;
    this.#requests = new PrefixLimiter(REQUEST_LIMITS, this.#now());
    this.#targets = new PrefixLimiter(TARGET_LIMITS, this.#now());
  }

  /** `address` is where the request came from. */
  async tryAddresses(body: { request: string; ticket?: string }, address: string): Promise<DialBackAnswered> {
    if (!this.#requests.take(address, this.#now())) {
      return this.#refuse(429, 'rate-limited', 'too many dial-backs from your network; try again later');
    }
    if (this.#underWay >= MAX_UNDER_WAY)
      return this.#refuse(503, 'overloaded', 'too many dial-backs at once');
    this.#underWay++;
    try {
      return await this.#try(body);
    } catch {
      return this.#refuse(403, 'request-invalid', 'not validly signed, or expired; is a clock wrong?');
    } finally {
      this.#underWay--;
    }
  }

  async #try({ request, ticket }: { request: string; ticket?: string }): Promise<DialBackAnswered> {
    const { id, key, mayReach } = this.#options;
    const directory = this.#options.directory();
    if (directory === null) return this.#refuse(503, 'not-ready', 'the supernode is still starting');
    const options = { audience: directory.keyId, nowMs: Date.now() };
    const asked =
      ticket === undefined ? null : await verifyObject(DialBackTicket, ticket, directory.key, options);
    if (asked !== null && !asked.witnesses.includes(id))
      return this.#refuse(403, 'not-asked', 'the ticket is for other supernodes');
    const subject = peekClaims(DialBackRequest, request)?.iss ?? '';
    const entry = asked?.entry ?? (await this.#options.listed(subject));
    if (entry === null)
      return this.#refuse(403, 'not-asked', 'without a ticket only supernodes of the list are tried');
    const claims = await verifyObject(DialBackRequest, request, entry.key, { ...options, audience: id });
    if (subject !== (await keyIdOf(entry.key)))
      return this.#refuse(403, 'not-asked', 'the ticket is for another supernode');
    const isPermitted = (text: string) => mayReach(parseAddressPort(text)?.address ?? '');
    const targets = [...entry.udp, ...entry.control].filter(isPermitted);
    // One use, and it counts although the limits refuse it.
    if (asked !== null && !this.#use(asked.id, asked.exp * 1000 - options.nowMs))
      return this.#refuse(403, 'ticket-used', 'this ticket was used before');
    if (targets.some((text) => !this.#targets.take(parseAddressPort(text)!.address, this.#now())))
      return this.#refuse(429, 'rate-limited', 'too many dial-backs to your addresses; try again later');
    const results = await this.#results(entry, isPermitted, {
      id: fromBase64Url(claims.id)!,
      secret: fromBase64Url(claims.secret)!,
    });
    const said = { iss: id, subject, results, ...(asked === null ? {} : { ticket: asked.id }) };
    const lifetimeS = DIAL_BACK_REPORT_LIFETIME_S;
    const report = await signObject(DialBackReport, said, key, { ...options, lifetimeS });
    for (const { transport, outcome } of results) this.#count(`${transport}-${outcome}`);
    return { report };
  }

  #results(
    entry: SupernodeEntry,
    isPermitted: (address: string) => boolean,
    request: { id: Uint8Array; secret: Uint8Array },
  ): Promise<DialBackResult[]> {
    const { prober } = this.#options;
    const udp = entry.udp.map(async (address): Promise<DialBackResult> => {
      const outcome = isPermitted(address) ? await prober.tryUdp(address, request) : 'forbidden';
      return { transport: 'udp', address, outcome };
    });
    const tcp = entry.control.map(async (address): Promise<DialBackResult> => {
      const target = { address, tlsSha256: entry.tlsSha256 };
      const outcome = isPermitted(address) ? await prober.tryTcp(target, request) : 'forbidden';
      return { transport: 'tcp', address, outcome };
    });
    return Promise.all([...udp, ...tcp]);
  }

  #use(ticket: string, lifetimeMs: number): boolean {
    const nowMs = this.#now();
    if ((this.#used.get(ticket) ?? Number.NEGATIVE_INFINITY) > nowMs) return false;
    for (const [old, expiresAtMs] of this.#used) if (expiresAtMs <= nowMs) this.#used.delete(old);
    if (this.#used.size >= MAX_USED_TICKETS) return false;
    this.#used.set(ticket, nowMs + lifetimeMs + CLOCKS_MS);
    return true;
  }

  #refuse(status: number, code: string, message: string): DialBackAnswered {
    this.#count(code);
    return { status, code, message };
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

/** A ticket is taken for so long after its end (`CLOCK_TOLERANCE_S`). */
const CLOCKS_MS = 120_000;
