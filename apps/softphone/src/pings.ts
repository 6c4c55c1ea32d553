import type { PhoneEvent } from '@overcall/call';
import type { Path } from '@overcall/traversal';
import type { MediaLeg } from './media-leg.ts';
import { PingWatch, type PingWatchOptions } from './ping-watch.ts';

export interface PingsOptions extends Pick<PingWatchOptions, 'report'> {
  legOf(legId: number): MediaLeg | undefined;
  /** Local `ip:port` of datagrams on a path of a leg. */
  localAddressOf(leg: MediaLeg, path: Path): string;
}

/** The users who are being pinged from here. */
export class Pings {
  readonly #options: PingsOptions;
  readonly #byCallId = new Map<string, { to: string; watch: PingWatch | null }>();

  constructor(options: PingsOptions) {
    this.#options = options;
  }

  add(callId: string, to: string): void {
    this.#byCallId.set(callId, { to, watch: null });
  }

  has(callId: string): boolean {
    return this.#byCallId.has(callId);
  }

  handlePath(callId: string, path: Path): void {
    this.#byCallId.get(callId)?.watch?.handlePath(path);
  }

  handleEvent(event: PhoneEvent & { event: 'ping-answered' | 'ping-ended' }): void {
    const { legOf, localAddressOf, report } = this.#options;
    const { callId } = event;
    const ping = this.#byCallId.get(callId);
    if (ping === undefined) return;
    const { to } = ping;
    if (event.event === 'ping-ended') {
      ping.watch?.stop();
      this.#byCallId.delete(callId);
      report({ ...event, to });
      return;
    }
    const { legId, setupMs } = event;
    report({ event: 'ping-answered', callId, to, setupMs: Number(setupMs.toFixed(1)) });
    const leg = legOf(legId);
    if (leg === undefined) return;
    ping.watch = new PingWatch({
      callId,
      to,
      current: () => leg.session.paths.current,
      localAddressOf: (path) => localAddressOf(leg, path),
      report,
    });
  }
}
