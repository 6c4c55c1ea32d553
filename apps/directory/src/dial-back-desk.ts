import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  DIAL_BACK_TICKET_LIFETIME_S,
  DialBackReport,
  DialBackTicket,
  type KeyId,
  peekClaims,
  publicKeyOf,
  type SupernodeEntry,
  signObject,
  verifyObject,
} from '@overcall/identity';
import { judgeReports, NEEDED_CONFIRMATIONS, whatToMend } from '@overcall/overlay';
import { refusal } from './api-error.ts';
import { WitnessChoice } from './choose-witnesses.ts';
import { sharedSecret } from './directory-key.ts';
import type { Signer } from './list-publisher.ts';
import type { Store, StoredSupernode } from './store.ts';
import type { WitnessLiveness } from './witness-liveness.ts';

/** What a candidate is given: who tries its addresses, and the ticket that lets them. */
export interface DialBackTask {
  ticket: string;
  witnesses: SupernodeEntry[];
}
export interface DialBackEvidence {
  ticket: string;
  reports: readonly string[];
}

interface DeskDeps {
  store: Store;
  signer: Signer;
  liveness: Pick<WitnessLiveness, 'areAlive' | 'isKnownDead'>;
  now: () => number;
}

/**
 * Has others reach a candidate before it is listed. Keeps nothing about a candidate: all is in the ticket. The first
 * supernodes of a network, which nobody can try, are let in without.
 */
export class DialBackDesk {
  readonly #deps: DeskDeps;
  readonly #choice: WitnessChoice;
  #listed: { revision: number; supernodes: StoredSupernode[] } = { revision: 0, supernodes: [] };

  constructor(deps: DeskDeps) {
    this.#deps = deps;
    this.#choice = new WitnessChoice(sharedSecret(deps.signer, 'witnesses'));
  }

  /** Null when there is nobody who could try. */
  async open(keyId: KeyId, entry: SupernodeEntry): Promise<DialBackTask | null> {
    const { signer, liveness, now } = this.#deps;
    const others = (await this.#admitted()).filter((other) => other.keyId !== keyId);
    const alive = others.filter((other) => !liveness.isKnownDead(other.keyId));
    const witnesses = this.#choice.choose(alive, entry, now());
    if (witnesses.length === 0) return null;
    const id = randomBytes(16).toString('base64url');
    const claims = { id, entry, witnesses: witnesses.map((witness) => witness.keyId) };
    const ticket = await signObject(DialBackTicket, claims, signer.key, {
      audience: signer.keyId,
      nowMs: now(),
      lifetimeS: DIAL_BACK_TICKET_LIFETIME_S,
    });
    return { ticket, witnesses: witnesses.map((witness) => witness.entry) };
  }

  /** @throws OvercallError `ticket-invalid`, or `not-reachable` saying which address was not reached from where */
  async check(keyId: KeyId, entry: SupernodeEntry, { ticket, reports }: DialBackEvidence): Promise<void> {
    const { id, witnesses } = await this.#ticketOf(entry, ticket);
    const listed = new Map((await this.#admitted()).map((other) => [other.keyId, other]));
    const asked = witnesses.flatMap((witness) => listed.get(witness) ?? []);
    const read = await Promise.all(reports.map((report) => this.#read(report, asked, { id, keyId })));
    const distinct = new Map(
      read.flatMap((report) => (report === null ? [] : [[report.from, report] as const])),
    );
    const silent = asked.filter((witness) => !distinct.has(witness.keyId));
    const named = [...distinct.values()].map(({ name, results }) => ({ from: name, results }));
    // The dead need not confirm; who they are is not for the candidate to say.
    const enough = judgeReports(entry, named, Math.min(NEEDED_CONFIRMATIONS, asked.length));
    if (whatToMend(enough) === null) return;
    const alive = distinct.size + (await this.#deps.liveness.areAlive(silent));
    const verdicts = judgeReports(entry, named, Math.min(NEEDED_CONFIRMATIONS, alive));
    const problem = whatToMend(
      verdicts,
      silent.map((witness) => witness.entry.name),
    );
    if (problem !== null) throw refusal('not-reachable', problem);
  }

  async #ticketOf(entry: SupernodeEntry, token: string) {
    const { signer, now } = this.#deps;
    const options = { audience: signer.keyId, nowMs: now() };
    const ticket = await verifyObject(DialBackTicket, token, publicKeyOf(signer.key), options).catch(
      () => null,
    );
    if (ticket !== null && isDeepStrictEqual(ticket.entry, entry)) return ticket;
    throw refusal('ticket-invalid', 'the dial-back ticket has expired or is for another entry');
  }

  async #read(report: string, asked: readonly StoredSupernode[], expected: { id: string; keyId: KeyId }) {
    const { signer, now } = this.#deps;
    const witness = asked.find(({ keyId }) => keyId === peekClaims(DialBackReport, report)?.iss);
    if (witness === undefined) return null;
    try {
      const options = { audience: signer.keyId, nowMs: now() };
      const claims = await verifyObject(DialBackReport, report, witness.entry.key, options);
      if (claims.ticket !== expected.id || claims.subject !== expected.keyId) return null;
      return { from: witness.keyId, name: witness.entry.name, results: claims.results };
    } catch {
      return null;
    }
  }

  async #admitted(): Promise<StoredSupernode[]> {
    const { revision } = await this.#deps.store.listHead();
    if (this.#listed.revision !== revision) {
      const supernodes = (await this.#deps.store.supernodes()).filter(({ status }) => status === 'admitted');
      this.#listed = { revision, supernodes };
    }
    return this.#listed.supernodes;
  }
}
