import { hadNoPath, type PhoneEvent } from '@overcall/call';
import { errorFields } from '@overcall/cli';
import type { Path } from '@overcall/traversal';
import { OvercallError } from '@overcall/wire';
import { CallMedia, NO_TOTALS } from './call-media.ts';
import type { MediaLeg } from './media-leg.ts';
import type { SoftphoneEvent, SoftphoneOptions } from './softphone-options.ts';

/** Tells people what happens in calls, and has sound and figures for those that were answered. */
export class AnsweredCalls {
  readonly #options: SoftphoneOptions;
  readonly #report: (event: SoftphoneEvent) => void;
  readonly #media = new Map<string, CallMedia>();
  readonly #setupMs = new Map<string, number>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: SoftphoneOptions, report: (event: SoftphoneEvent) => void) {
    this.#options = options;
    this.#report = report;
  }

  get(callId: string): CallMedia | undefined {
    return this.#media.get(callId);
  }

  start(callId: string, leg: MediaLeg, localAddressOf: (path: Path) => string): void {
    const media = new CallMedia({
      leg,
      choice: this.#options.media,
      localAddressOf,
      report: this.#report,
      onSourceEnded: () => this.#report({ event: 'source-ended', callId }),
      log: this.#options.log,
    });
    this.#media.set(callId, media);
  }

  handleEvent(event: Exclude<PhoneEvent, { event: 'ping-answered' | 'ping-ended' }>): void {
    if (event.event === 'answered') this.#setupMs.set(event.callId, event.setupMs);
    if (event.event === 'mute' || event.event === 'hold') this.#media.get(event.callId)?.handleInCall(event);
    if (event.event === 'ended') this.#handleEnded(event);
    else this.#report('setupMs' in event ? { ...event, setupMs: round(event.setupMs) } : { ...event });
  }

  #handleEnded(event: Extract<PhoneEvent, { event: 'ended' }>): void {
    const media = this.#media.get(event.callId);
    this.#media.delete(event.callId);
    const setupMs = this.#setupMs.get(event.callId);
    this.#setupMs.delete(event.callId);
    const totals = {
      ...(media?.totals() ?? NO_TOTALS),
      setupMs: setupMs === undefined ? null : round(setupMs),
    };
    const isSilent = media !== undefined && hadNoPath({ ...event, isHeard: media.isHeard });
    const ended = { ...event, durationS: round(event.durationS, 3), totals };
    // The recording is complete before anyone is told that the call is over.
    const closed = (media?.stop() ?? Promise.resolve())
      .catch((error) => this.#options.log.error({ error: String(error) }, 'recording'))
      .then(() => {
        this.#closing.delete(closed);
        if (isSilent) this.#reportSilence(event.callId, media.peerName);
        this.#report(ended);
      });
    this.#closing.add(closed);
  }

  #reportSilence(callId: string, name: string): void {
    const error = new OvercallError('no-path', `nothing came from ${name}: no path for sound was found`);
    this.#report({ event: 'refused', callId, name, ...errorFields(error) });
  }

  /** Resolves when everything that ended has been told. */
  async closed(): Promise<void> {
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
