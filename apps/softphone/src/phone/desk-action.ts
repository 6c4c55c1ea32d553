import type { PastCall } from './call-history.ts';

/** What the desk wants done. */
export type DeskAction =
  | { do: 'call'; to: string }
  | { do: 'accept' | 'decline' | 'hangup'; callId: string }
  /** Or not any more. */
  | { do: 'mute' | 'hold'; callId: string }
  | { do: 'keys'; callId: string; keys: string }
  | { do: 'do-not-disturb'; on: boolean }
  | { do: 'ask-safety' | 'mark-verified'; name: string }
  | { do: 'block'; name: string; on: boolean }
  /** Shows what was written from and to somebody, which is seen by that. */
  | { do: 'open-chat'; name: string }
  | { do: 'message'; to: string; text: string }
  | { do: 'remember'; call: PastCall }
  | { do: 'bell' | 'redraw' | 'quit' };
