import type { LinkMessage } from '@overcall/wire';
import type { ControlOutput, LinkFailure } from './control-context.ts';
import type { ControlIndex } from './control-index.ts';
import type { ControlLookups } from './control-lookups.ts';
import type { ControlRelay } from './control-relay.ts';
import type { ControlSignals } from './control-signals.ts';

/** Who looks after what comes from other supernodes. */
interface Parts {
  signals: ControlSignals;
  index: ControlIndex;
  lookups: ControlLookups;
  relay: ControlRelay;
  count(code: string): void;
}

/** Messages between supernodes: each to the part that it is for. */
export class ControlLinks {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** From another supernode, whose key id `from` has been proven; each link is rate-limited where it ends. */
  handleMessage(from: string, message: LinkMessage, nowMs: number): ControlOutput[] {
    const { signals, index, lookups, relay, count } = this.#parts;
    switch (message.t) {
      case 'signal':
        return signals.handleLinkSignal(from, message, nowMs);
      case 'signal-failed':
        return signals.handleLinkSignalFailed(from, message, nowMs);
      case 'index-put':
        return index.handlePut(from, message, nowMs);
      case 'index-get':
        return index.handleGet(from, message, nowMs);
      case 'index-result':
        return [...index.handleResult(from, message, nowMs), ...lookups.handleTimeout(nowMs)];
      case 'hop-open':
        return relay.hops.handleOpen(from, message, nowMs);
      case 'hop-close':
        return relay.hops.handleClose(from, message);
      case 'hop-failed':
        return relay.hops.handleFailed(from, message);
      case 'hop-confirm':
        return relay.hops.confirmations.handleConfirm(from, message, nowMs);
      case 'hop-confirmed':
        return relay.hops.confirmations.handleConfirmed(from, message, nowMs);
      default:
        count(`link-${message.t}`);
        return [];
    }
  }

  /** A `link` output could not be delivered: no link was to be had (`no-link`), or too much waits (`overloaded`). */
  handleFailed(to: string, message: LinkMessage, code: LinkFailure): ControlOutput[] {
    const { signals, index, relay } = this.#parts;
    switch (message.t) {
      case 'signal':
        return signals.handleLinkFailed(to, message, code);
      case 'hop-open':
        return relay.hops.handleLinkFailed(message);
      case 'index-put':
      case 'index-get':
        index.handleLinkFailed(to, message);
        return [];
      default:
        return [];
    }
  }
}
