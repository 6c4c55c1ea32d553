import { type CertifiedDevice, type SigningPublicKey, verifyChain } from '@overcall/identity';
import { trustOf } from '@overcall/net';
import { type CertificateChain, OvercallError } from '@overcall/wire';
import { type CheckedEndpoint, checkEndpoints, ofOneIdentity } from './endpoints.ts';
import type { SoftphoneEvent, SoftphoneOptions } from './softphone-options.ts';
import type { SupernodeListStore } from './supernode-list-store.ts';
import type { SupernodePool } from './supernode-pool.ts';

/** A name that is not found is looked up this often, this far apart, ms. */
const LOOKUP_ATTEMPTS = 4;
const LOOKUP_INTERVAL_MS = 400;

export interface PeopleOptions {
  softphone: SoftphoneOptions;
  store: SupernodeListStore;
  pool: SupernodePool;
  report(event: SoftphoneEvent): void;
}

/** Finds others and checks that they are who they say. */
export class People {
  readonly #options: PeopleOptions;

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  /**
   * Endpoints of somebody who is about to be called, or else pinged. Somebody who calls us at the same moment, or changes
   * supernodes, is attached a little later.
   */
  async findPatiently(name: string, isCalled: boolean): Promise<CheckedEndpoint[]> {
    for (let attempt = 1; ; attempt++) {
      const endpoints = await this.findEndpoints(name);
      for (const { device } of endpoints) this.checkContact(name, device.identityKey);
      if (isCalled) for (const { device } of endpoints) this.#remember(name, device.identityKey);
      if (endpoints.length > 0 || attempt === LOOKUP_ATTEMPTS) return endpoints;
      await new Promise((resolve) => setTimeout(resolve, LOOKUP_INTERVAL_MS));
    }
  }

  /** Whoever is called becomes a contact. Where that cannot be written down, on a full disk, one can call all the same. */
  #remember(name: string, key: SigningPublicKey): void {
    const { contacts, log } = this.#options.softphone;
    try {
      contacts.remember(name, key, Date.now());
    } catch (error) {
      log.warn(`${name} is called without becoming a contact: ${(error as Error).message}`);
    }
  }

  /**
   * Endpoints of `name` that take calls, but for this one itself, their certificates checked; see also {@link checkContact}.
   * Where `mayVisit` is false only supernodes are asked that we are attached to; so are they for one's own others: mostly there
   * are none.
   */
  async findEndpoints(name: string, mayVisit = true): Promise<CheckedEndpoint[]> {
    const { softphone, pool, store } = this.#options;
    const isOurs = name === softphone.profile.name;
    const found = await pool.lookup(name, { elsewhere: mayVisit && !isOurs });
    const trust = trustOf(softphone.profile.directory);
    const endpoints = await checkEndpoints(name, found, trust, store.revokedDevices, Date.now());
    const others = endpoints.filter(({ endpoint }) => endpoint !== pool.endpoint);
    const known = isOurs ? softphone.profile.keys.identity : softphone.contacts.find(name)?.key;
    return ofOneIdentity(name, others, known?.x);
  }

  /**
   * Compares a certified key with the one that is remembered of `name`.
   * @throws OvercallError `contact-key-changed` for a verified contact; for others the change is an event
   */
  checkContact(name: string, key: SigningPublicKey): void {
    const { softphone, report } = this.#options;
    const { changed } = softphone.contacts.check(name, key);
    if (changed) report({ event: 'contact-key-changed', name, verified: false });
  }

  /** The device whose chain came with an invite; null when it may not call here. */
  async verify(chain: CertificateChain): Promise<CertifiedDevice | null> {
    return this.#acceptable(chain).catch((error: OvercallError) => {
      // Warnings are shown to people, whom a blocked one is not to reach like that either.
      const level = error.code === 'caller-blocked' ? 'info' : 'warn';
      this.#options.softphone.log[level]({ code: error.code }, `invite refused: ${error.message}`);
      return null;
    });
  }

  async #acceptable(chain: CertificateChain): Promise<CertifiedDevice> {
    const { softphone, store } = this.#options;
    const peer = await verifyChain(chain, trustOf(softphone.profile.directory), Date.now());
    if (store.revokedDevices.has(peer)) {
      throw new OvercallError('device-revoked', `a revoked device of ${peer.name} called`);
    }
    if (softphone.blocked?.has(peer.name)) {
      throw new OvercallError('caller-blocked', `${peer.name}, who is blocked, called`);
    }
    this.checkContact(peer.name, peer.identityKey);
    return peer;
  }
}
