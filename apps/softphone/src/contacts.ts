import { type SigningPublicKey, SigningPublicKey as SigningPublicKeySchema } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import Type, { type Static } from 'typebox';
import type { Home } from './home.ts';
import { SharedState } from './shared-state.ts';

/** People this user called, verified or added, with the identity key seen first (trust on first use). */
const Contact = Type.Object({
  key: SigningPublicKeySchema,
  verified: Type.Boolean(),
  /** ms since 1970 */
  since: Type.Number(),
});
export type Contact = Static<typeof Contact>;
export const Contacts = Type.Record(Type.String(), Contact);

const FILE = 'contacts.json';

/** The contact list. */
export class ContactBook {
  readonly #state: SharedState<typeof Contacts>;

  constructor(home: Home) {
    this.#state = new SharedState(home, FILE, Contacts);
  }

  all(): Static<typeof Contacts> {
    return this.#state.read() ?? {};
  }

  find(name: string): Contact | null {
    const contacts = this.all();
    return Object.hasOwn(contacts, name) ? contacts[name]! : null;
  }

  remove(name: string): void {
    this.#state.update((contacts) => {
      const { [name]: _removed, ...others } = contacts ?? {};
      return others;
    });
  }

  save(name: string, contact: Contact): void {
    this.#state.update((contacts) => ({ ...contacts, [name]: contact }));
  }

  /** Those that are not known already. */
  addAll(others: Static<typeof Contacts>): void {
    this.#state.update((contacts) => ({ ...others, ...contacts }));
  }

  /**
   * Checks a key that the directory certified against the one that is remembered.
   * @throws OvercallError `contact-key-changed` when a verified contact comes with another key
   * @returns whether an unverified contact's key changed
   */
  check(name: string, key: SigningPublicKey): { changed: boolean } {
    const known = this.find(name);
    if (known === null || known.key.x === key.x) return { changed: false };
    if (!known.verified) return { changed: true };
    throw new OvercallError(
      'contact-key-changed',
      `the identity key of ${name}, whom you verified, has changed`,
      { remedy: `compare safety numbers again: overcall verify ${name}` },
    );
  }

  /** Makes somebody who is being called a contact. Being called by somebody does not: contacts may learn addresses. */
  remember(name: string, key: SigningPublicKey, nowMs: number): void {
    if (this.find(name)?.key.x !== key.x) this.save(name, { key, verified: false, since: nowMs });
  }
}
