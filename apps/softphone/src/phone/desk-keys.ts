import { MAX_TEXT_CHARS } from '@overcall/wire';
import { complete } from './completion.ts';
import type { DeskAction } from './desk-action.ts';
import type { DeskState } from './desk-state.ts';
import type { Key } from './key-reader.ts';

/** `q` in a call is asked for twice within this time, ms. */
const SURE_MS = 4000;
const MAX_DIAL_CHARS = 64;

/** What keys do to the desk. */
export class DeskKeys {
  readonly #state: DeskState;
  readonly #act: (action: DeskAction) => void;
  readonly #notice: (text: string, nowMs: number) => void;
  #quitAskedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    state: DeskState,
    act: (action: DeskAction) => void,
    notice: (text: string, nowMs: number) => void,
  ) {
    this.#state = state;
    this.#act = act;
    this.#notice = notice;
  }

  get #selectedName(): string | null {
    return this.#state.contacts[this.#state.selected]?.name ?? null;
  }

  handle(key: Key, nowMs: number): void {
    if (key.type === 'interrupt') this.#act({ do: 'quit' });
    else if (key.type === 'redraw') this.#act({ do: 'redraw' });
    else if (this.#state.mode === 'dial') this.#handleDialKey(key, nowMs);
    else if (this.#state.mode === 'text') this.#handleTextKey(key);
    else if (this.#state.mode === 'safety') this.#handleSafetyKey(key, nowMs);
    else if (key.type === 'text') this.#handleLetter(key.text, nowMs);
    else if (key.type === 'enter') this.#handleEnter();
    else if (key.type === 'escape') this.#state.mode = 'contacts';
    else if (key.type === 'up' || key.type === 'down') this.#select(key.type === 'up' ? -1 : 1);
  }

  #select(step: number): void {
    const last = this.#state.contacts.length - 1;
    this.#state.selected = Math.max(0, Math.min(last, this.#state.selected + step));
  }

  /** The obvious: takes the call that rings, else calls whom one has chosen. */
  #handleEnter(): void {
    const { call } = this.#state;
    if (call?.phase === 'incoming') this.#act({ do: 'accept', callId: call.callId });
    else if (call === null && this.#state.mode === 'contacts' && this.#selectedName !== null)
      this.#act({ do: 'call', to: this.#selectedName });
  }

  #handleLetter(letter: string, nowMs: number): void {
    const state = this.#state;
    const { call } = state;
    switch (letter) {
      case 'd':
        if (call === null) Object.assign(state, { mode: 'dial', dialText: '' });
        else this.#notice('there is a call already', nowMs);
        break;
      case 't':
        this.#openChat(nowMs);
        break;
      case 'a':
        if (call?.phase === 'incoming') this.#act({ do: 'accept', callId: call.callId });
        else this.#notice('nobody is calling', nowMs);
        break;
      case 'b':
        if (call === null) this.#notice('there is no call', nowMs);
        else this.#act({ do: call.phase === 'incoming' ? 'decline' : 'hangup', callId: call.callId });
        break;
      case 'm':
      case 'x':
        this.#toggleInCall(letter === 'm' ? 'mute' : 'hold', nowMs);
        break;
      case 'c':
        state.showsStats = !state.showsStats;
        break;
      case 'n':
        this.#act({ do: 'do-not-disturb', on: !state.doNotDisturb });
        break;
      case 'k':
        this.#toggleBlock(nowMs);
        break;
      case 'l':
        state.mode = state.mode === 'calls' ? 'contacts' : 'calls';
        state.missed = 0;
        break;
      case 'h':
      case '?':
        state.mode = state.mode === 'help' ? 'contacts' : 'help';
        break;
      case 'v':
        this.#askSafety(nowMs);
        break;
      case 'q':
        this.#quit(nowMs);
        break;
      default:
        if (call?.phase === 'talking' && /^[0-9*#]$/.test(letter))
          this.#act({ do: 'keys', callId: call.callId, keys: letter });
    }
  }

  #toggleInCall(what: 'mute' | 'hold', nowMs: number): void {
    const state = this.#state;
    if (state.call?.phase !== 'talking') {
      this.#notice('there is no call', nowMs);
      return;
    }
    this.#act({ do: what, callId: state.call.callId });
  }

  #toggleBlock(nowMs: number): void {
    const contact = this.#state.contacts[this.#state.selected];
    if (contact === undefined || this.#state.mode !== 'contacts') return;
    const on = !contact.blocked;
    this.#act({ do: 'block', name: contact.name, on });
    this.#notice(
      on ? `${contact.name} is blocked (k again to undo)` : `${contact.name} may call again`,
      nowMs,
    );
  }

  /** With whom one talks, else with the chosen contact. */
  #openChat(nowMs: number): void {
    const state = this.#state;
    const name = state.call?.peer ?? this.#selectedName;
    if (name === null) {
      this.#notice('choose a contact first', nowMs);
      return;
    }
    state.mode = 'text';
    if (state.chat?.with !== name) state.chat = { with: name, lines: [], typed: '' };
    this.#act({ do: 'open-chat', name });
  }

  #handleTextKey(key: Key): void {
    const { chat } = this.#state;
    if (chat === null || key.type === 'escape') this.#state.mode = 'contacts';
    else if (key.type === 'text') chat.typed = [...chat.typed, key.text].slice(0, MAX_TEXT_CHARS).join('');
    else if (key.type === 'backspace') chat.typed = [...chat.typed].slice(0, -1).join('');
    else if (key.type === 'clear') chat.typed = '';
    else if (key.type === 'enter' && chat.typed.trim() !== '') {
      this.#act({ do: 'message', to: chat.with, text: chat.typed });
      chat.typed = '';
    }
  }

  #askSafety(nowMs: number): void {
    const name = this.#state.call?.peer ?? this.#selectedName;
    if (name === null) {
      this.#notice('choose a contact first', nowMs);
      return;
    }
    this.#state.mode = 'safety';
    this.#state.safety = { name, number: null };
    this.#act({ do: 'ask-safety', name });
  }

  #handleSafetyKey(key: Key, nowMs: number): void {
    const { safety } = this.#state;
    // Whoever calls need not wait.
    this.#state.mode = 'contacts';
    this.#state.safety = null;
    if (key.type !== 'text' || key.text !== 'y' || safety === null || safety.number === null) return;
    this.#act({ do: 'mark-verified', name: safety.name });
    this.#notice(`${safety.name} is verified`, nowMs);
  }

  #quit(nowMs: number): void {
    if (this.#state.call !== null && nowMs - this.#quitAskedAtMs > SURE_MS) {
      this.#quitAskedAtMs = nowMs;
      this.#notice('q again hangs up and quits', nowMs);
    } else this.#act({ do: 'quit' });
  }

  #handleDialKey(key: Key, nowMs: number): void {
    const state = this.#state;
    switch (key.type) {
      case 'text':
        if (state.dialText.length < MAX_DIAL_CHARS) state.dialText += key.text;
        break;
      case 'backspace':
        state.dialText = [...state.dialText].slice(0, -1).join('');
        break;
      case 'clear':
        state.dialText = '';
        break;
      case 'tab':
        state.dialText = complete(state.dialText, state).text;
        break;
      case 'escape':
        state.mode = 'contacts';
        break;
      case 'enter':
        state.mode = 'contacts';
        if (state.dialText.trim() === '') return;
        if (state.call === null) this.#act({ do: 'call', to: state.dialText.trim() });
        else this.#notice('there is a call already', nowMs);
    }
  }
}
