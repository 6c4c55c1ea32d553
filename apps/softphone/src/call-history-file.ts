import Type from 'typebox';
import { type Home, readState, updateState } from './home.ts';
import { MAX_PAST_CALLS, type PastCall, remembered } from './phone/call-history.ts';

const PastCalls = Type.Array(
  Type.Object({
    at: Type.Number(),
    peer: Type.String({ maxLength: 64 }),
    direction: Type.Union([Type.Literal('incoming'), Type.Literal('outgoing')]),
    outcome: Type.Union(
      ['answered', 'missed', 'declined', 'busy', 'unanswered', 'unreachable', 'failed', 'elsewhere'].map(
        (outcome) => Type.Literal(outcome as PastCall['outcome']),
      ),
    ),
    durationS: Type.Number(),
  }),
  { maxItems: MAX_PAST_CALLS },
);

const FILE = 'calls.json';

/** Calls of late, in the home. */
export class CallHistoryFile {
  readonly #home: Home;

  constructor(home: Home) {
    this.#home = home;
  }

  read(): PastCall[] {
    return readState(this.#home, FILE, PastCalls) ?? [];
  }

  /** Read afresh: another softphone of this user may have added one. */
  add(call: PastCall): void {
    updateState(this.#home, FILE, () => remembered(this.read(), call));
  }
}
