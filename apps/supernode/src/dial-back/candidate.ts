import { isIPv6 } from 'node:net';
import {
  DIAL_BACK_REQUEST_LIFETIME_S,
  DialBackReport,
  DialBackRequest,
  type DialBackResult,
  type KeyId,
  keyIdOf,
  peekClaims,
  type SigningPrivateKey,
  type SupernodeEntry,
  signObject,
} from '@overcall/identity';
import { askForDialBack, monotonicMs } from '@overcall/net';
import { type DialBackSecrets, judgeReports, NEEDED_CONFIRMATIONS, whatToMend } from '@overcall/overlay';
import { type AddressPort, parseAddressPort } from '@overcall/traversal';
import type { Logger } from 'pino';

/** A witness needs 4 s for an address that does not answer. */
const TIMEOUT_MS = 8000;

export interface ToldReport {
  /** Name of who reports. */
  from: string;
  report: string;
  results: DialBackResult[];
}

interface CandidateOptions {
  key: SigningPrivateKey;
  id: KeyId;
  entry: SupernodeEntry;
  secrets: DialBackSecrets;
  /** Addresses of the own sockets: a witness is asked by a family that there is. */
  own(): readonly AddressPort[];
  log: Logger;
}

/** Asks others to reach this supernode at each address of its entry. */
export class DialBackCandidate {
  readonly #options: CandidateOptions;

  constructor(options: CandidateOptions) {
    this.#options = options;
  }

  get entry(): SupernodeEntry {
    return this.#options.entry;
  }

  /** Their reports, of those that answer: all of them, or as soon as enough of them reached everything. */
  async ask(witnesses: readonly SupernodeEntry[], ticket?: string): Promise<ToldReport[]> {
    const told: ToldReport[] = [];
    const enough = Promise.withResolvers<void>();
    const asked = witnesses.map(async (witness) => {
      const report = await this.#askOne(witness, ticket);
      if (report === null) return;
      told.push(report);
      const needed = NEEDED_CONFIRMATIONS;
      if (told.length >= needed && whatToMend(judgeReports(this.#options.entry, told, needed)) === null)
        enough.resolve();
    });
    await Promise.race([Promise.all(asked), enough.promise]);
    return [...told];
  }

  async #askOne(witness: SupernodeEntry, ticket: string | undefined): Promise<ToldReport | null> {
    const { key, id, secrets, log } = this.#options;
    const opened = secrets.open(monotonicMs());
    try {
      const claims = { iss: id, ...opened };
      const request = await signObject(DialBackRequest, claims, key, {
        audience: await keyIdOf(witness.key),
        nowMs: Date.now(),
        lifetimeS: DIAL_BACK_REQUEST_LIFETIME_S,
      });
      const target = {
        address: this.#addressOf(witness),
        tlsSha256: witness.tlsSha256,
        timeoutMs: TIMEOUT_MS,
      };
      const body = { request, ...(ticket === undefined ? {} : { ticket }) };
      const report = await askForDialBack(target, body);
      const results = peekClaims(DialBackReport, report)?.results;
      return results === undefined ? null : { from: witness.name, report, results };
    } catch (error) {
      log.debug({ err: error, supernode: witness.name }, 'no dial-back from this supernode');
      return null;
    } finally {
      secrets.close(opened.id);
    }
  }

  #addressOf({ control }: SupernodeEntry): string {
    const families = new Set(this.#options.own().map(({ address }) => isIPv6(address)));
    const fits = (text: string) => families.has(isIPv6(parseAddressPort(text)?.address ?? ''));
    return control.find(fits) ?? control[0]!;
  }
}
