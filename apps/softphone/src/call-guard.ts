import type { MissedReason } from '@overcall/call';
import type { ContactBook } from './contacts.ts';

/** Who may make this softphone ring. */
export type AllowedCallers = 'anyone' | 'contacts';

/** Decides who rings. Who is blocked never comes so far: the invite is dropped, as if nobody were there. */
export class CallGuard {
  doNotDisturb: boolean;
  readonly #allowed: AllowedCallers;
  readonly #contacts: ContactBook;

  constructor(contacts: ContactBook, allowed: AllowedCallers = 'anyone', doNotDisturb = false) {
    this.#contacts = contacts;
    this.#allowed = allowed;
    this.doNotDisturb = doNotDisturb;
  }

  /** Why somebody is not to ring; null when he is. A contact is one by his key, not by his name alone. */
  turnsAway(name: string, identityKey: string): MissedReason | null {
    if (this.#allowed === 'contacts' && this.#contacts.find(name)?.key.x !== identityKey)
      return 'not-a-contact';
    return this.doNotDisturb ? 'do-not-disturb' : null;
  }
}
