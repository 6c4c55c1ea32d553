import type { HeardAudio } from '@overcall/call';
import type { Logger } from '@overcall/cli';
import { type AudioSink, type AudioSource, spokenFrom } from '@overcall/media';
import { monotonicMs } from '@overcall/net';
import { burstRatio, estimateMos } from '@overcall/quality';
import type { Path, SwitchReason } from '@overcall/traversal';
import type { ReceptionReport } from '@overcall/wire';
import { Conversation } from './conversation.ts';
import type { MediaLeg } from './media-leg.ts';
import type { SoftphoneEvent } from './softphone-options.ts';

const STATS_INTERVAL_MS = 1000;
/** A round trip that is taken before one is known, ms. */
const UNKNOWN_RTT_MS = 200;
/** Frame, look-ahead of the encoder (Opus, RFC 6716: 6.5 ms) and the wait for the next tick, ms: part of mouth to ear. */
const CODEC_DELAY_MS = 20 + 6.5 + 10;

/** Makes the source and the sink of a call at the moment it is answered. */
export type MediaChoice = () => { source: AudioSource; sink: AudioSink; dtx?: boolean };

export interface CallMediaOptions {
  leg: MediaLeg;
  choice: MediaChoice;
  /** Local `ip:port` of datagrams on a path. */
  localAddressOf(path: Path): string;
  report(event: SoftphoneEvent): void;
  onSourceEnded(): void;
  log: Logger;
}

/** Totals of a call that was never answered. */
export const NO_TOTALS = {
  sentPackets: 0,
  receivedPackets: 0,
  lostPackets: 0,
  duplicatePackets: 0,
  forgedPackets: 0,
  concealedFrames: 0,
  playedFrames: 0,
  longestGapMs: 0,
  pathSwitches: 0,
  timeToDirectMs: null as number | null,
  firstAudioMs: null as number | null,
  mos: null as number | null,
};
export type CallTotals = typeof NO_TOTALS;

/** The sound and the figures of one answered call, on whichever leg won. */
export class CallMedia {
  readonly #options: CallMediaOptions;
  readonly #conversation: Conversation;
  readonly #callId: string;
  readonly #statsTimer: NodeJS.Timeout;
  #firstAudioMs: number | null = null;
  readonly #answeredAt = monotonicMs();
  #pathsReported = 0;
  #timeToDirectMs: number | null = null;
  #lastSentBytes = 0;
  #marked = { concealed: 0, bursts: 0, played: 0 };

  constructor(options: CallMediaOptions) {
    this.#options = options;
    const { leg, report } = options;
    this.#callId = leg.leg.callId;
    this.#conversation = new Conversation({
      ...options.choice(),
      sendAudio: (audio) =>
        leg.act((session, nowMs) => session.sendAudio(audio.frameNumber, audio.opus, nowMs, audio)),
      wantsReport: () => leg.session.wantsReport(monotonicMs()),
      earlyLossShare: () => leg.session.earlyLossShare(),
      takeIncoming: () => leg.session.takeIncoming(monotonicMs()),
      isHeard: () => leg.session.isHeard,
      onFirstAudio: (msSinceAnswer) => {
        this.#firstAudioMs = Math.round(msSinceAnswer);
        report({ event: 'first-audio', callId: this.#callId, msSinceAnswer: this.#firstAudioMs });
      },
      onSourceEnded: options.onSourceEnded,
      onSourceStarted: (sourceAtMs, sinkAtMs) =>
        report({
          event: 'sound-clock',
          callId: this.#callId,
          spokenFrom: dateOf(spokenFrom(sourceAtMs)),
          heardFrom: dateOf(sinkAtMs),
        }),
      now: monotonicMs,
      log: options.log,
    });
    this.#statsTimer = setInterval(() => this.#reportStats(), STATS_INTERVAL_MS);
    const { current } = leg.session.paths;
    if (current?.rttMs != null) this.reportPath(current, 'first');
  }

  /** What the peer says of what we send. */
  handleReport(report: ReceptionReport): void {
    this.#conversation.handleReport(report, this.#options.leg.session.stats().rttMs ?? UNKNOWN_RTT_MS);
  }

  receive(audio: HeardAudio): void {
    this.#conversation.receive(audio);
  }

  /** One side is muted, or holds the call, or does not any more. */
  handleInCall({ event, by, on }: { event: 'mute' | 'hold'; by: 'self' | 'peer'; on: boolean }): void {
    // That the peer is muted shows in what it sends.
    if (event === 'hold') this.#conversation.setHeld(by, on);
    else if (by === 'self') this.#conversation.setMuted(on);
  }

  /** Audio goes this way from now on. */
  reportPath(path: Path, reason: SwitchReason): void {
    this.#pathsReported++;
    if (path.kind === 'direct') this.#timeToDirectMs ??= Math.round(monotonicMs() - this.#answeredAt);
    this.#options.report({
      event: 'path',
      callId: this.#callId,
      kind: path.kind,
      transport: path.transport,
      via: [...path.via],
      local: this.#options.localAddressOf(path),
      remote: path.remote,
      rttMs: path.rttMs === null ? null : round(path.rttMs),
      reason,
    });
  }

  #reportStats(): void {
    const { session } = this.#options.leg;
    const stats = session.stats();
    const { playoutDelayMs, concealedFrames, concealedBursts, playedFrames } =
      this.#conversation.playout.stats;
    const concealed = concealedFrames - this.#marked.concealed;
    const played = playedFrames - this.#marked.played;
    const bursts = concealedBursts - this.#marked.bursts;
    this.#marked = { concealed: concealedFrames, bursts: concealedBursts, played: playedFrames };
    const concealedPct = concealed + played === 0 ? 0 : (100 * concealed) / (concealed + played);
    const bitrate = ((stats.sentBytes - this.#lastSentBytes) * 8 * 1000) / STATS_INTERVAL_MS;
    this.#lastSentBytes = stats.sentBytes;
    this.#options.report({
      event: 'stats',
      callId: this.#callId,
      kind: session.paths.current?.kind ?? null,
      rttMs: stats.rttMs === null ? null : round(stats.rttMs),
      lossPct: round(session.reception.takeLossPct()),
      jitterMs: round(stats.jitterMs),
      playoutDelayMs: Math.round(playoutDelayMs),
      concealedPct: round(concealedPct),
      bitrate: Math.round(bitrate),
      ...this.#rating({ lost: concealed, bursts, of: concealed + played }),
    });
  }

  /** Null while nothing has been received: there is nothing to rate. */
  #rating(loss: { lost: number; bursts: number; of: number }): { r: number | null; mos: number | null } {
    const { rttMs, receivedPackets } = this.#options.leg.session.stats();
    if (receivedPackets === 0) return { r: null, mos: null };
    const { playoutDelayMs } = this.#conversation.playout.stats;
    const delayMs = (rttMs ?? 0) / 2 + playoutDelayMs + CODEC_DELAY_MS;
    const lossPct = loss.of === 0 ? 0 : (100 * loss.lost) / loss.of;
    const { r, mos } = estimateMos({ delayMs, lossPct, burstRatio: burstRatio(loss) });
    return { r: round(r), mos: round(mos, 2) };
  }

  /** Whether anything of the peer has arrived. */
  get isHeard(): boolean {
    return this.#options.leg.session.isHeard;
  }

  get peerName(): string {
    return this.#options.leg.leg.peer.name;
  }

  async stop(): Promise<void> {
    clearInterval(this.#statsTimer);
    await this.#conversation.stop();
  }

  /** The totals of the contract's `ended` event. */
  totals(): CallTotals {
    const stats = this.#options.leg.session.stats();
    const { concealedFrames, concealedBursts, playedFrames, longestGapMs } = this.#conversation.playout.stats;
    const of = concealedFrames + playedFrames;
    return {
      ...NO_TOTALS,
      sentPackets: stats.sentPackets,
      receivedPackets: stats.receivedPackets,
      lostPackets: stats.lostPackets,
      duplicatePackets: stats.duplicatePackets,
      forgedPackets: stats.forgedPackets,
      concealedFrames,
      playedFrames,
      longestGapMs: Math.round(longestGapMs),
      pathSwitches: Math.max(0, this.#pathsReported - 1),
      timeToDirectMs: this.#timeToDirectMs,
      firstAudioMs: this.#firstAudioMs,
      mos: this.#rating({ lost: concealedFrames, bursts: concealedBursts, of }).mos,
    };
  }
}

/** Milliseconds since 1970, to the microsecond, of a moment on the monotonic clock. */
const dateOf = (atMs: number): number => round(performance.timeOrigin + atMs, 3);

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
