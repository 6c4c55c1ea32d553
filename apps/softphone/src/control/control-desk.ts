import { canonicalUsername } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import type { BlockList } from '../block-list.ts';
import type { CallGuard } from '../call-guard.ts';
import { thatIsYourself } from '../commands/yourself.ts';
import type { ContactBook } from '../contacts.ts';
import type { CallTracker, TrackedCall } from './call-tracker.ts';
import type { ControlRequest } from './control-request.ts';

/** As much of a softphone as control needs. */
export interface ControlledPhone {
  call(name: string): string;
  accept(callId: string): void;
  decline(callId: string): void;
  hangUp(callId: string): void;
  toggleMute(callId: string): void;
  toggleHold(callId: string): void;
  pressKeys(callId: string, keys: string): void;
  message(name: string, text: string): string;
  setDoNotDisturb(on: boolean): void;
}

export interface ControlDeskOptions {
  name: string;
  phone: ControlledPhone;
  tracker: CallTracker;
  contacts: Pick<ContactBook, 'all'>;
  blocked: BlockList;
  guard: CallGuard;
  /** ms since 1970 */
  now(): number;
}

/** Does what a program asks of the softphone. */
export class ControlDesk {
  readonly #options: ControlDeskOptions;

  constructor(options: ControlDeskOptions) {
    this.#options = options;
  }

  /** @throws OvercallError when it cannot be done now */
  do(request: ControlRequest): Record<string, unknown> {
    const { phone } = this.#options;
    switch (request.do) {
      case 'call':
        return { callId: this.#call(request.to) };
      case 'answer':
        phone.accept(this.#callIn('incoming').callId);
        return {};
      case 'decline':
        phone.decline(this.#callIn('incoming').callId);
        return {};
      case 'hangup':
        phone.hangUp(this.#callIn().callId);
        return {};
      case 'mute':
        phone.toggleMute(this.#callIn('talking').callId);
        return {};
      case 'hold':
        phone.toggleHold(this.#callIn('talking').callId);
        return {};
      case 'keys':
        phone.pressKeys(this.#callIn('talking').callId, request.keys);
        return {};
      case 'message':
        return { messageId: phone.message(this.#otherThanSelf(request.to), request.text) };
      case 'do-not-disturb':
        phone.setDoNotDisturb(request.on);
        return {};
      case 'block':
        this.#block(canonicalUsername(request.name), request.on);
        return {};
      case 'contacts':
        return { contacts: this.#contacts() };
      case 'status':
        return this.#status();
    }
  }

  #call(to: string): string {
    const { phone, tracker } = this.#options;
    const name = this.#otherThanSelf(to);
    if (tracker.current !== null) throw new OvercallError('call-in-progress', 'there is a call already');
    return phone.call(name);
  }

  #otherThanSelf(to: string): string {
    const name = canonicalUsername(to);
    if (name === this.#options.name) throw thatIsYourself(name);
    return name;
  }

  #callIn(state?: TrackedCall['state']): TrackedCall {
    const { current } = this.#options.tracker;
    if (current === null || (state !== undefined && current.state !== state))
      throw new OvercallError(
        'no-such-call',
        state === 'incoming' ? 'nobody is calling' : 'there is no call',
      );
    return current;
  }

  #block(name: string, on: boolean): void {
    const { blocked, now } = this.#options;
    if (on) blocked.add(name, now());
    else blocked.remove(name);
  }

  #contacts(): { name: string; verified: boolean; blocked: boolean }[] {
    const { contacts, blocked } = this.#options;
    const isBlocked = new Set(blocked.names);
    const known = contacts.all();
    return [...new Set([...Object.keys(known), ...isBlocked])]
      .sort()
      .map((name) => ({ name, verified: known[name]?.verified ?? false, blocked: isBlocked.has(name) }));
  }

  #status(): Record<string, unknown> {
    const { name, tracker, guard } = this.#options;
    const { current: call, supernodes } = tracker;
    return { name, supernodes, doNotDisturb: guard.doNotDisturb, call };
  }
}
