import { randomBytes } from 'node:crypto';
import type { Keeping, PhoneEvent, ReceivedText, WrittenText } from '@overcall/call';
import type { Logger } from '@overcall/cli';
import { asTextMessage, MAX_TEXT_CHARS, OvercallError } from '@overcall/wire';
import type { BlockList } from './block-list.ts';
import type { CallGuard } from './call-guard.ts';
import type { MessageStore, StoredMessage } from './message-store.ts';

export function invalidMessage(): OvercallError {
  return new OvercallError(
    'message-invalid',
    `a message is text of 1 to ${MAX_TEXT_CHARS} characters in one line`,
  );
}

export interface TextMessagesOptions {
  /** Without one, nobody can send this softphone anything. */
  store: MessageStore | undefined;
  guard: CallGuard | undefined;
  blocked: BlockList | undefined;
  log: Logger;
  /** ms since 1970 */
  now(): number;
}

/** Keeps text messages in the home, and says which ones are taken at all. */
export class TextMessages {
  readonly #options: TextMessagesOptions;

  constructor(options: TextMessagesOptions) {
    this.#options = options;
  }

  /** What is `new` or `known` is on the disk. Who is blocked, or no contact where only those may call, hears nothing. */
  async keep({ id, from, identityKey, text }: ReceivedText): Promise<Keeping> {
    const { guard, blocked } = this.#options;
    if (blocked?.has(from) || guard?.takesMessages(from, identityKey) === false) return 'refused';
    return this.#add({ peer: from, direction: 'incoming', id, text, state: 'received' });
  }

  /** What this user wrote on another softphone. */
  keepWritten({ id, to, text, delivered }: WrittenText): Promise<Keeping> {
    const state = delivered ? 'delivered' : 'failed';
    return this.#add({ peer: to, direction: 'outgoing', id, text, state });
  }

  async #add(message: Omit<StoredMessage, 'at'>): Promise<Keeping> {
    const { store, log, now } = this.#options;
    if (store === undefined) return 'refused';
    try {
      return (await store.add({ ...message, at: now() })) ? 'new' : 'known';
    } catch (error) {
      log.error(`a message could not be kept, and its sender knows: ${(error as Error).message}`);
      return 'refused';
    }
  }

  /**
   * Writes down what this user typed, and then hands it over: `take` is false when too many wait. Returns its id.
   * @throws OvercallError `message-invalid`, `messages-unusable`, `too-many-messages`
   */
  send(to: string, typed: string, take: (id: string, text: string) => boolean): string {
    const text = asTextMessage(typed);
    if (text === null) throw invalidMessage();
    const { store, now } = this.#options;
    const id = randomBytes(16).toString('base64url');
    this.#warnIfLost(store?.add({ peer: to, direction: 'outgoing', id, at: now(), text, state: 'sent' }));
    if (!take(id, text)) throw this.#refused(id);
    return id;
  }

  /** Nobody was told that it is kept. */
  #warnIfLost(written: Promise<unknown> | undefined): void {
    written?.catch((error) => this.#options.log.error((error as Error).message));
  }

  /** One that was begun and is not sent. */
  #refused(id: string): OvercallError {
    this.#warnIfLost(this.#options.store?.settle(id, 'failed'));
    return new OvercallError('too-many-messages', 'too many messages wait to be sent');
  }

  handleEvent(event: PhoneEvent): void {
    const { store, log } = this.#options;
    if (event.event !== 'message-delivered' && event.event !== 'message-failed') return;
    try {
      this.#warnIfLost(store?.settle(event.id, event.event === 'message-delivered' ? 'delivered' : 'failed'));
    } catch (error) {
      log.error((error as Error).message);
    }
  }
}
