import type { SoftphoneEvent } from '../softphone-options.ts';

/** The one call that a softphone is in, as its events tell. */
export interface TrackedCall {
  callId: string;
  peer: string;
  state: 'calling' | 'ringing' | 'incoming' | 'talking';
  muted: boolean;
  held: boolean;
}

/** Follows events, so that `answer` and `hangup` need no call id. */
export class CallTracker {
  current: TrackedCall | null = null;
  /** Attached to these, best first. */
  supernodes: string[] = [];

  handleEvent(event: SoftphoneEvent): void {
    const { current } = this;
    if (event.event === 'calling') this.#begin(event, String(event.to), 'calling');
    else if (event.event === 'incoming') this.#begin(event, String(event.from), 'incoming');
    else if (event.event === 'attached') {
      const others = this.supernodes.filter((name) => name !== event.supernode);
      const name = String(event.supernode);
      this.supernodes = (event.spare ? [...others, name] : [name, ...others]).slice(0, 2);
    } else if (event.event === 'detached')
      this.supernodes = this.supernodes.filter((name) => name !== event.supernode);
    else if (current !== null && event.callId === current.callId) this.#progress(current, event);
  }

  #begin({ callId }: SoftphoneEvent, peer: string, state: TrackedCall['state']): void {
    this.current = { callId: String(callId), peer, state, muted: false, held: false };
  }

  #progress(current: TrackedCall, event: SoftphoneEvent): void {
    if (event.event === 'ringing') current.state = 'ringing';
    if (event.event === 'answered') current.state = 'talking';
    if (event.event === 'merged') current.callId = String(event.winner);
    if (event.event === 'mute' && event.by === 'self') current.muted = event.on === true;
    if (event.event === 'hold' && event.by === 'self') current.held = event.on === true;
    if (event.event === 'ended') this.current = null;
  }
}
