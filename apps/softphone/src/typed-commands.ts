import type { CallTracker } from './control/call-tracker.ts';
import type { ControlledPhone } from './control/control-desk.ts';
import type { KeyCommand } from './key-commands.ts';

/** Does to the call there is what somebody types; without one, nothing. */
export class TypedCommands {
  readonly #phone: Omit<ControlledPhone, 'call' | 'message' | 'setDoNotDisturb'>;
  readonly #tracker: CallTracker;

  constructor(phone: Omit<ControlledPhone, 'call' | 'message' | 'setDoNotDisturb'>, tracker: CallTracker) {
    this.#phone = phone;
    this.#tracker = tracker;
  }

  handle(command: KeyCommand): void {
    const callId = this.#tracker.current?.callId;
    if (callId === undefined) return;
    const verbs: Record<KeyCommand, () => void> = {
      accept: () => this.#phone.accept(callId),
      decline: () => this.#phone.decline(callId),
      hangup: () => this.#phone.hangUp(callId),
      mute: () => this.#phone.toggleMute(callId),
      hold: () => this.#phone.toggleHold(callId),
    };
    verbs[command]();
  }

  handleKeys(keys: string): void {
    const callId = this.#tracker.current?.callId;
    if (callId !== undefined) this.#phone.pressKeys(callId, keys);
  }
}
