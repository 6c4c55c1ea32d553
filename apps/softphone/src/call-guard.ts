import type { MissedReason } from '@overcall/call';
import type { ContactBook } from './contacts.ts';

/** Who may make this softphone ring. */
export type AllowedCallers = 'anyone' | 'contacts';

/** Decides who rings. Who is blocked never comes so far: the invite is dropped, as if nobody were there. */
export class CallGuard {
  /** What {@link Softphone.setDoNotDisturb} changes, and tells of. */
  doNotDisturb: boolean;
  readonly #allowed: AllowedCallers;
  readonly #contacts: ContactBook;

  constructor(contacts: ContactBook, allowed: AllowedCallers = 'anyone', doNotDisturb = false) {
    this.#contacts = contacts;
    this.#allowed = allowed;
    this.doNotDisturb = doNotDisturb;
  }

  /** Why somebody is not to ring; null when he is. */
  turnsAway(name: string, identityKey: string): MissedReason | null {
    if (!this.#isAllowed(name, identityKey)) return 'not-a-contact';
    return this.doNotDisturb ? 'do-not-disturb' : null;
  }

  /** Who does not want to be disturbed finds messages later. */
  takesMessages(name: string, identityKey: string): boolean {
    return this.#isAllowed(name, identityKey);
  }

  /** A contact is one by his key, not by his name alone. */
  #isAllowed(name: string, identityKey: string): boolean {
    return this.#allowed === 'anyone' || this.#contacts.find(name)?.key.x === identityKey;
  }
}
