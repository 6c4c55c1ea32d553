import { DirectoryStatement, publicKeyOf, signObject } from '@overcall/identity';
import type { Signer } from './list-publisher.ts';
import type { RegistrationMode } from './registry.ts';

/** Clients fetch it anew whenever they come back, so it needs no long life. */
const LIFETIME_S = 86_400;

/** The directory's statement about itself, signed again when half of its life is gone. */
export class StatementSigner {
  readonly #signer: Signer;
  readonly #about: { registration: RegistrationMode; tlsSha256: string | null };
  readonly #now: () => number;
  #newest: { token: Promise<string>; signedAtMs: number } | null = null;

  constructor(
    signer: Signer,
    about: { registration: RegistrationMode; tlsSha256: string | null },
    now: () => number,
  ) {
    this.#signer = signer;
    this.#about = about;
    this.#now = now;
  }

  async current() {
    const nowMs = this.#now();
    const isFresh = this.#newest !== null && Math.abs(nowMs - this.#newest.signedAtMs) < LIFETIME_S * 500;
    if (!isFresh) this.#newest = { token: this.#sign(nowMs), signedAtMs: nowMs };
    const { key, keyId } = this.#signer;
    return { statement: await this.#newest!.token, key: publicKeyOf(key), keyId };
  }

  #sign(nowMs: number): Promise<string> {
    const { registration, tlsSha256 } = this.#about;
    const claims = {
      cnf: { jwk: publicKeyOf(this.#signer.key) },
      registration,
      ...(tlsSha256 === null ? {} : { tlsSha256 }),
    };
    const options = { audience: this.#signer.keyId, nowMs, lifetimeS: LIFETIME_S };
    return signObject(DirectoryStatement, claims, this.#signer.key, options);
  }
}
