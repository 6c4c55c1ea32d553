import { outcomeOf, type PastCall, remembered } from './call-history.ts';
import type { DeskAction } from './desk-action.ts';
import { DeskKeys } from './desk-keys.ts';
import {
  type ChatLine,
  type DeskCall,
  type DeskContact,
  type DeskState,
  emptyDesk,
  type Levels,
} from './desk-state.ts';
import type { Key } from './key-reader.ts';
import type { Fields } from './path-line.ts';
import { clockText, printable } from './text.ts';

/** The bell of the terminal while it rings, ms: as far apart as the rings of a telephone. */
const BELL_INTERVAL_MS = 3000;
/** Who is typing when a call comes in does not answer it by the next letter, ms. */
const DEAF_MS = 1000;
const MAX_NOTICES = 50;

/** The interactive phone: keys and events in, {@link state} to be shown and actions to be done out. */
export class Desk {
  readonly state: DeskState;
  readonly #actions: DeskAction[] = [];
  readonly #keys: DeskKeys;
  #bellAtMs = Number.POSITIVE_INFINITY;
  #deafUntilMs = 0;

  constructor(name: string, calls: readonly PastCall[] = []) {
    this.state = { ...emptyDesk(name), calls: [...calls] };
    this.#keys = new DeskKeys(
      this.state,
      (action) => this.#actions.push(action),
      (text, nowMs) => this.notice(text, nowMs),
    );
  }

  /** Drains what is to be done, in order. */
  poll(): DeskAction[] {
    return this.#actions.splice(0);
  }

  /** When to call {@link handleTimeout}, in the time of what came last; Infinity when nothing is due. */
  get deadline(): number {
    return this.#bellAtMs;
  }

  handleTimeout(nowMs: number): void {
    if (isWithin(BELL_INTERVAL_MS, this.#bellAtMs, nowMs)) return;
    this.#bellAtMs = nowMs + BELL_INTERVAL_MS;
    this.#actions.push({ do: 'bell' });
  }

  notice(text: string, nowMs: number): void {
    const notices = [...this.state.notices, { at: nowMs, text: printable(text) }];
    this.state.notices = notices.slice(-MAX_NOTICES);
  }

  setLevels(levels: Levels | null): void {
    this.state.levels = levels;
  }

  /** The contacts there are now; what is known of their presence stays. */
  setContacts(contacts: readonly Omit<DeskContact, 'attached'>[]): void {
    const selected = this.state.contacts[this.state.selected]?.name;
    const before = new Map(this.state.contacts.map(({ name, attached }) => [name, attached]));
    this.state.contacts = contacts
      .map((contact) => ({ ...contact, attached: before.get(contact.name) ?? null }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const index = this.state.contacts.findIndex(({ name }) => name === selected);
    this.state.selected = Math.max(0, index);
  }

  setPresence(name: string, attached: boolean | null): void {
    for (const contact of this.state.contacts) if (contact.name === name) contact.attached = attached;
  }

  /** What was written from and to somebody, oldest first. */
  setChat(name: string, lines: readonly ChatLine[]): void {
    if (this.state.chat?.with !== name) return;
    this.state.chat.lines = lines.map((line) => ({ ...line, text: printable(line.text) }));
  }

  setUnseen(unseen: ReadonlyMap<string, number>): void {
    this.state.unseen = unseen;
  }

  /** The number that was asked for; null with the reason as a notice when there is none. */
  setSafetyNumber(name: string, number: string | null): void {
    if (this.state.safety?.name !== name) return;
    this.state.safety = number === null ? null : { name, number };
    if (number === null) this.state.mode = 'contacts';
  }

  handleEvent(event: { event: string } & Fields, nowMs: number): void {
    const { call } = this.state;
    switch (event.event) {
      case 'attached':
        this.#handleAttached(event);
        return;
      case 'detached':
        this.#handleDetached(String(event.supernode));
        return;
      case 'calling':
        this.#begin(event, String(event.to), 'outgoing', nowMs);
        return;
      case 'incoming':
        this.#begin(event, String(event.from), 'incoming', nowMs);
        this.#handleIncoming(nowMs);
        return;
      case 'do-not-disturb':
        this.state.doNotDisturb = event.on === true;
        return;
      case 'missed':
        this.#handleMissed(event, nowMs);
        return;
      case 'merged':
        if (call !== null && call.callId === event.callId) call.callId = String(event.winner);
        return;
      case 'contact-key-changed':
        this.notice(`the identity key of ${event.name} is another one than last time: compare (v)`, nowMs);
        return;
      case 'message':
        this.#handleMessage(event, nowMs);
        return;
      case 'message-written':
        this.#handleWritten(event, nowMs);
        return;
      case 'message-delivered':
      case 'message-failed':
        if (event.to === this.state.chat?.with)
          this.#actions.push({ do: 'open-chat', name: String(event.to) });
        if (event.event === 'message-failed' && this.#reads(String(event.to)) === false)
          this.notice(`a message to ${event.to} was not delivered (t)`, nowMs);
        return;
      case 'recording-failed':
      case 'audio-device':
      case 'refused':
        this.notice(String(event.message), nowMs);
        return;
      case 'ended':
        this.#handleEnded(event, nowMs);
        return;
    }
    if (call !== null && event.callId === call.callId) this.#handleProgress(call, event, nowMs);
  }

  #handleProgress(call: DeskCall, event: { event: string } & Fields, nowMs: number): void {
    if (event.event === 'ringing') call.phase = 'ringing';
    if (event.event === 'path') call.path = event;
    if (event.event === 'stats') call.stats = event;
    const by = event.by === 'self' ? 'self' : 'peer';
    if (event.event === 'mute') call.muted[by] = event.on === true;
    if (event.event === 'hold') call.held[by] = event.on === true;
    if (event.event === 'key' && by === 'peer') this.notice(`${call.peer} pressed ${event.key}`, nowMs);
    if (event.event !== 'answered') return;
    call.phase = 'talking';
    call.answeredAt = nowMs;
    this.#stopRinging();
  }

  #handleAttached({ supernode, rttMs, spare }: Fields): void {
    const name = printable(String(supernode));
    const others = this.state.supernodes.filter((known) => known.name !== name);
    const entry = { name, rttMs: Number(rttMs), spare: spare === true };
    this.state.supernodes = (entry.spare ? [...others, entry] : [entry, ...others]).slice(0, 2);
  }

  #handleDetached(supernode: string): void {
    const { supernodes } = this.state;
    this.state.supernodes = supernodes.filter(({ name }) => name !== printable(supernode));
  }

  #begin({ callId }: Fields, peer: string, direction: PastCall['direction'], nowMs: number): void {
    this.state.call = {
      callId: String(callId),
      peer: printable(peer),
      direction,
      phase: direction === 'incoming' ? 'incoming' : 'calling',
      startedAt: nowMs,
      answeredAt: null,
      path: null,
      stats: null,
      muted: { self: false, peer: false },
      held: { self: false, peer: false },
    };
  }

  #handleIncoming(nowMs: number): void {
    if (this.state.mode === 'dial' || this.state.mode === 'text') this.#deafUntilMs = nowMs + DEAF_MS;
    this.state.mode = 'contacts';
    this.#bellAtMs = nowMs + BELL_INTERVAL_MS;
    this.#actions.push({ do: 'bell' });
  }

  #stopRinging(): void {
    this.#bellAtMs = Number.POSITIVE_INFINITY;
  }

  /** Whether the messages of somebody are on the screen. */
  #reads(name: string): boolean {
    return this.state.mode === 'text' && this.state.chat?.with === name;
  }

  #handleMessage({ from, text }: Fields, nowMs: number): void {
    const name = String(from);
    if (this.#reads(name)) this.#actions.push({ do: 'open-chat', name });
    else {
      this.state.unseen = new Map(this.state.unseen).set(name, (this.state.unseen.get(name) ?? 0) + 1);
      this.notice(`${name}: ${text}`, nowMs);
    }
    if (!this.state.doNotDisturb) this.#actions.push({ do: 'bell' });
  }

  /** By the same user, on another softphone. */
  #handleWritten({ to, text, delivered }: Fields, nowMs: number): void {
    const name = String(to);
    if (this.#reads(name)) this.#actions.push({ do: 'open-chat', name });
    else this.notice(`you wrote to ${name}: ${text}${delivered ? '' : ' (not delivered)'}`, nowMs);
  }

  #handleMissed({ from, reason }: Fields, nowMs: number): void {
    const peer = printable(String(from));
    this.notice(`${peer} called (${reason})`, nowMs);
    this.#remember({ at: nowMs, peer, direction: 'incoming', outcome: 'missed', durationS: 0 });
  }

  #handleEnded(event: Fields, nowMs: number): void {
    const { call } = this.state;
    if (call === null || call.callId !== event.callId) return;
    this.#stopRinging();
    this.state.call = null;
    this.state.levels = null;
    const { peer, direction, startedAt: at } = call;
    const outcome = outcomeOf(direction, call.answeredAt !== null, event);
    const durationS = typeof event.durationS === 'number' ? event.durationS : 0;
    this.notice(endText(peer, outcome, String(event.reason), durationS), nowMs);
    this.#remember({ at, peer, direction, outcome, durationS });
  }

  #remember(call: PastCall): void {
    this.state.calls = remembered(this.state.calls, call);
    if (call.outcome === 'missed') this.state.missed++;
    this.#actions.push({ do: 'remember', call });
  }

  handleKey(key: Key, nowMs: number): void {
    if (key.type === 'interrupt' || key.type === 'redraw' || !isWithin(DEAF_MS, this.#deafUntilMs, nowMs))
      this.#keys.handle(key, nowMs);
  }
}

/** Whether the wait of that length which ends then goes on. The clock on the wall may be set back meanwhile: then it is over. */
function isWithin(waitMs: number, endsAtMs: number, nowMs: number): boolean {
  return nowMs < endsAtMs && (endsAtMs === Number.POSITIVE_INFINITY || nowMs >= endsAtMs - waitMs);
}

function endText(peer: string, outcome: PastCall['outcome'], reason: string, durationS: number): string {
  switch (outcome) {
    case 'answered':
      return `call with ${peer} ended after ${clockText(durationS)}${reason === 'failed' ? ': nothing came any more' : ''}`;
    case 'missed':
      return `missed a call from ${peer}`;
    case 'declined':
      return `the call with ${peer} was declined`;
    case 'busy':
      return `${peer} is busy`;
    case 'unreachable':
      return `${peer} cannot be reached now`;
    case 'elsewhere':
      return `the call from ${peer} was answered on another softphone`;
    case 'failed':
      return `the call to ${peer} broke off`;
    case 'unanswered':
      return reason === 'hangup' ? `gave up calling ${peer}` : `${peer} did not answer`;
  }
}
