import type { LocalParty } from '@overcall/call';
import type { Logger } from '@overcall/cli';
import { x25519KeyPair } from '@overcall/net';
import { CALL_VERSIONS } from '@overcall/wire';
import type { Home } from './home.ts';
import { type Profile, renewIfNeeded } from './profile.ts';

/** How often it is looked whether the certificates need renewing, ms. */
const RENEW_CHECK_MS = 3_600_000;

export interface CertificateRenewalOptions {
  home: Home;
  profile(): Profile;
  onRenewed(profile: Profile): void;
  log: Logger;
}

/** A listener outlives its certificates: they are renewed while it runs. */
export class CertificateRenewal {
  readonly #options: CertificateRenewalOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CertificateRenewalOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.renew(), RENEW_CHECK_MS);
    this.#timer.unref();
  }

  /** If it is time, or too late. */
  async renew(): Promise<void> {
    const { home, profile, onRenewed, log } = this.#options;
    const before = profile();
    try {
      const renewed = await renewIfNeeded(home, before, Date.now());
      if (renewed !== before) onRenewed(renewed);
    } catch (error) {
      log.error({ error: String(error) }, 'the certificate could not be renewed');
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Who calls, for the phone. */
export function localPartyOf(profile: Profile): LocalParty {
  return {
    name: profile.name,
    identityKey: profile.keys.identity.x,
    directoryKeyId: profile.directory.keyId,
    chain: profile.chain,
    staticKey: x25519KeyPair(profile.keys.agreement),
    versions: CALL_VERSIONS,
  };
}
