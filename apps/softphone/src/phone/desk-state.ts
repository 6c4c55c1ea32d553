import type { PastCall } from './call-history.ts';
import type { Fields } from './path-line.ts';

export interface DeskContact {
  name: string;
  verified: boolean;
  blocked: boolean;
  /** Null until it was asked for. */
  attached: boolean | null;
}

/** Whether this side and the other do something. */
interface Sides {
  self: boolean;
  peer: boolean;
}

export interface DeskCall {
  callId: string;
  peer: string;
  direction: PastCall['direction'];
  phase: 'calling' | 'ringing' | 'incoming' | 'talking';
  /** ms since 1970 */
  startedAt: number;
  answeredAt: number | null;
  path: Fields | null;
  stats: Fields | null;
  muted: Sides;
  held: Sides;
}

/** Loudness of a moment, 0 to 1 on a scale of decibels. */
export interface Levels {
  mine: number;
  theirs: number;
}

/** What was written from and to somebody, and what is being typed. */
export interface Chat {
  with: string;
  lines: ChatLine[];
  typed: string;
}

export interface ChatLine {
  /** ms since 1970 */
  at: number;
  direction: 'incoming' | 'outgoing';
  text: string;
  state: 'received' | 'seen' | 'sent' | 'delivered' | 'failed';
}

type DeskMode = 'contacts' | 'dial' | 'text' | 'help' | 'calls' | 'safety';

/** All that the interactive phone shows. */
export interface DeskState {
  name: string;
  supernodes: { name: string; rttMs: number; spare: boolean }[];
  contacts: DeskContact[];
  selected: number;
  call: DeskCall | null;
  mode: DeskMode;
  dialText: string;
  /** The last one that was open. */
  chat: Chat | null;
  /** Messages that nobody has looked at, by who wrote them. */
  unseen: ReadonlyMap<string, number>;
  calls: PastCall[];
  /** Missed since somebody last looked at the list of calls. */
  missed: number;
  notices: { at: number; text: string }[];
  showsStats: boolean;
  doNotDisturb: boolean;
  levels: Levels | null;
  /** Of whom, and the number; null while it is being found out. */
  safety: { name: string; number: string | null } | null;
}

export function emptyDesk(name: string): DeskState {
  return {
    name,
    supernodes: [],
    contacts: [],
    selected: 0,
    call: null,
    mode: 'contacts',
    dialText: '',
    chat: null,
    unseen: new Map(),
    calls: [],
    missed: 0,
    notices: [],
    showsStats: false,
    doNotDisturb: false,
    levels: null,
    safety: null,
  };
}
