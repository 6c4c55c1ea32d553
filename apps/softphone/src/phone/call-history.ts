/** A call that is over. */
export interface PastCall {
  /** When it began, ms since 1970. */
  at: number;
  peer: string;
  direction: 'incoming' | 'outgoing';
  outcome:
    | 'answered'
    | 'missed'
    | 'declined'
    | 'busy'
    | 'unanswered'
    | 'unreachable'
    | 'failed'
    | 'elsewhere';
  /** From the answer on. */
  durationS: number;
}

/** So many are kept; the oldest go first. */
export const MAX_PAST_CALLS = 500;

export function remembered(calls: readonly PastCall[], call: PastCall): PastCall[] {
  return [...calls, call].slice(-MAX_PAST_CALLS);
}

const OUTGOING: Record<string, PastCall['outcome']> = {
  declined: 'declined',
  busy: 'busy',
  unreachable: 'unreachable',
  failed: 'failed',
};

/** What became of a call, from the reason of its `ended` event. */
export function outcomeOf(
  direction: PastCall['direction'],
  wasAnswered: boolean,
  ended: { reason?: unknown; elsewhere?: unknown },
): PastCall['outcome'] {
  if (wasAnswered) return 'answered';
  if (direction === 'outgoing') return OUTGOING[String(ended.reason)] ?? 'unanswered';
  if (ended.elsewhere === true) return 'elsewhere';
  return ended.reason === 'declined' ? 'declined' : 'missed';
}
