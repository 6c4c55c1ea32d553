import { PacketOpener, PacketSealer } from '@overcall/session';
import {
  type Candidate,
  type CandidateMessage,
  type LocalSocket,
  type Path,
  PathAgent,
  type PathOutput,
  type SocketId,
  type SwitchReason,
} from '@overcall/traversal';
import {
  AUDIO_HEADER_BYTES,
  type AudioPayload,
  DatagramType,
  type FlowId,
  MEDIA_HEADER_BYTES,
  MediaKind,
  type MediaPayload,
  opusPacketFrames,
  PAUSE_EVERY_FRAMES,
  readMediaHeader,
  readMediaPayload,
  writeMedia,
  writeMediaPayload,
} from '@overcall/wire';
import type { LegId } from './call-types.ts';
import { EarlyAudio } from './early-audio.ts';
import { FRAME_MS } from './frame-ms.ts';
import { GrantedRoutes } from './granted-routes.ts';
import { Liveness } from './liveness.ts';
import type {
  AudioExtras,
  MediaOutput,
  MediaSessionOptions,
  MediaStats,
  RelayGrant,
  RouteStats,
} from './media-session-types.ts';
import { Reception } from './reception.ts';
import { type IncomingQueue, ReceptionMonitor } from './reception-report.ts';
import { sealedChecks } from './sealed-checks.ts';

/** Byes are padded to the size of the audio before them; at first to that of 24 kbit/s: 3 + 60 bytes. */
const PADDED_PAYLOAD_BYTES = AUDIO_HEADER_BYTES + 60;
/** Byes sent, and the time between them, ms. */
const BYE_COUNT = 3;
const BYE_INTERVAL_MS = 20;
/** Packets that are sent again when a path falls silent: as many as are out before that is noticed. */
const REPEATED_PACKETS = 8;

/** The path agent waits four times the jitter longer before it suspects silence: 40 ms for each frame more in a packet. */
const JITTER_PER_LONGER_FRAME_MS = 10;

const ASSOCIATED_DATA = new Uint8Array([DatagramType.Media]);

/** The packets of one leg: protection, paths, order of life (warm, talking, over). */
export class MediaSession {
  readonly legId: LegId;
  readonly reception = new Reception();
  readonly #monitor = new ReceptionMonitor();
  #payloadBytes = PADDED_PAYLOAD_BYTES;
  readonly paths: PathAgent;
  readonly #directFlow: FlowId;
  readonly #routes: GrantedRoutes;
  readonly #liveness: Liveness;
  readonly #sealer: PacketSealer;
  readonly #opener: PacketOpener;
  readonly #outputs: MediaOutput[] = [];
  #isTalking = false;
  #over = false;
  #saidSilent = false;
  #byesLeft = 0;
  #nextByeAt = Number.POSITIVE_INFINITY;
  #sentPackets = 0;
  #sentBytes = 0;
  readonly #earlyAudio = new EarlyAudio();
  readonly #recent: { counter: number; sealed: Uint8Array }[] = [];
  /** A switch that is reported as soon as the round trip of the new path is known. */
  #unreported: { path: Path; reason: SwitchReason } | null = null;

  constructor(options: MediaSessionOptions) {
    const { crypto, keys, mayCheck, directOnly = false, directFlow } = options;
    this.#liveness = new Liveness(options.nowMs);
    this.legId = options.legId;
    this.#directFlow = directFlow;
    this.#sealer = new PacketSealer(crypto, keys.send.media);
    this.#opener = new PacketOpener(crypto, keys.receive.media);
    this.paths = new PathAgent({
      cipher: sealedChecks(crypto, keys),
      random: (bytes) => crypto.randomBytes(bytes),
      receiveFlow: directFlow,
      mayCheck,
      directOnly,
    });
    this.#routes = new GrantedRoutes(this.paths);
  }

  poll(): MediaOutput[] {
    return this.#outputs.splice(0);
  }

  get deadline(): number {
    if (this.#over) return this.#nextByeAt;
    const silenceEndsAtMs = this.#saidSilent ? Number.POSITIVE_INFINITY : this.#liveness.endsAtMs;
    return Math.min(silenceEndsAtMs, this.#routes.deadline, this.paths.deadline);
  }

  /** All byes are out: the driver can let go of it. */
  get isOver(): boolean {
    return this.#over && this.#byesLeft === 0;
  }

  /** Whether at least one relay takes what we send. */
  get isBound(): boolean {
    return this.#routes.isBound;
  }

  /** Whether datagrams with this flow id are for this leg. */
  receivesOn(flowId: FlowId): boolean {
    return flowId === this.#directFlow || this.#routes.has(flowId);
  }

  /** Whether bind answers with this flow id are for this leg. */
  bindsWith(flowId: FlowId): boolean {
    return this.#routes.bindsWith(flowId);
  }

  /**
   * A relay route is ours to bind: begins at once, beside those there are (6 at most; false for more). Given a route with
   * the key it has already, it goes on with the binding there is, whose sequence the relay remembers; with another key it
   * is bound anew, and its path stays.
   */
  useRelay(grant: RelayGrant, nowMs: number): boolean {
    const isUsed = this.#routes.use(grant, nowMs);
    if (isUsed) this.#liveness.hope(nowMs);
    this.#pump(nowMs);
    return isUsed;
  }

  /** That route is about to be given up: nothing is sent that way any more, and what arrives is taken until {@link dropRoute}. */
  retireRoute(route: FlowId, nowMs: number): void {
    this.#routes.retire(route, nowMs);
    this.#pump(nowMs);
  }

  /** That route is given up; `route` is the flow of its grant. */
  dropRoute(route: FlowId, nowMs: number): void {
    this.#routes.drop(route, nowMs);
    this.#pump(nowMs);
  }

  /** Another route is being opened: a silent peer is waited for a little longer. */
  expectRoute(nowMs: number): void {
    this.#liveness.hope(nowMs);
  }

  /** The stream of that number was opened, or broke; see the output of that name. */
  handleStream(socket: SocketId, isOpen: boolean, nowMs: number): void {
    this.#routes.handleStream(socket, isOpen, nowMs);
    this.#pump(nowMs);
  }

  addSocket(socket: LocalSocket, nowMs: number): void {
    this.paths.addSocket(socket, nowMs);
    this.#pump(nowMs);
  }

  setCandidates(candidates: readonly Candidate[], nowMs: number): void {
    this.paths.setCandidates(candidates);
    this.#pump(nowMs);
  }

  /** From now on the peer may learn our addresses, and direct paths are looked for. */
  expose(nowMs: number): void {
    this.paths.expose(nowMs);
    this.#pump(nowMs);
  }

  handleTold(message: CandidateMessage, nowMs: number): void {
    this.paths.handleTold(message, nowMs);
    this.#pump(nowMs);
  }

  /** Tells the paths something that they asked for, or that was found out about this machine's network. */
  guide(tell: (paths: PathAgent) => void, nowMs: number): void {
    tell(this.paths);
    this.#pump(nowMs);
  }

  /** This machine's addresses have changed. */
  handleNetworkChange(nowMs: number): void {
    this.#routes.handleNetworkChange(nowMs);
    this.paths.handleNetworkChange(nowMs);
    this.#pump(nowMs);
  }

  /** The call was accepted: audio may flow from now on. */
  startTalking(nowMs: number): void {
    this.#isTalking = true;
    this.#liveness.noteTalking(nowMs);
    for (const frame of this.#earlyAudio.take(nowMs)) this.#outputs.push({ type: 'audio', ...frame });
    this.paths.talk(nowMs);
    this.#pump(nowMs);
  }

  /** Whether the peer has been heard: then a path is up at both ends. */
  get isHeard(): boolean {
    return this.#liveness.isHeard;
  }

  /** Ends the leg; with `bye` the peer is told on the media path too. */
  close(bye: boolean, nowMs: number): void {
    this.#over = true;
    if (!bye) return;
    this.#byesLeft = BYE_COUNT;
    this.#sendBye(nowMs);
  }

  /** Whether the next packet should have room for a report. */
  wantsReport(nowMs: number): boolean {
    return this.#monitor.isDue(nowMs);
  }

  /** Share of pings, or of what comes from the peer, that was lost so far: for when the peer has not reported yet. */
  earlyLossShare(): number {
    return Math.max(this.paths.pingLossShare, this.#monitor.lossShare);
  }

  /** Whether what comes from the peer waits in a queue on its way, as far as is new since this was asked last. */
  takeIncoming(nowMs: number): IncomingQueue {
    return this.#monitor.takeIncoming(nowMs);
  }

  /**
   * One packet of Opus, from this frame number on, and earlier ones again; dropped (and not counted as sent) while the leg is not
   * talking or has no path.
   */
  sendAudio(frameNumber: number, opus: Uint8Array, nowMs: number, more?: AudioExtras): void {
    if (!this.#isTalking || this.#over) return;
    const report = more?.hasReport ? this.#monitor.take(nowMs) : null;
    // A bye has the size of audio, also after a pause.
    if (opus.length > 0) this.#payloadBytes = more?.payloadBytes ?? PADDED_PAYLOAD_BYTES;
    const copies = more?.copies ?? [];
    this.#send({ kind: MediaKind.Audio, frameLow: frameNumber & 0xffff, opus, copies, report }, nowMs);
    this.paths.pingBeside(nowMs + FRAME_MS, nowMs);
    this.#pump(nowMs);
  }

  #send(payload: MediaPayload, nowMs: number): void {
    const routes = this.paths.routes(nowMs);
    if (routes.length === 0) return;
    const plaintext = writeMediaPayload(payload, this.#payloadBytes);
    const packet = this.#sealer.seal(plaintext, ASSOCIATED_DATA);
    this.#sentPackets++;
    this.#sentBytes += MEDIA_HEADER_BYTES + packet.sealed.length;
    for (const path of routes) this.#sendOn(path, packet);
    this.#recent.push(packet);
    if (this.#recent.length > REPEATED_PACKETS) this.#recent.shift();
  }

  /** The same counter and ciphertext on every path: the peer takes the first copy. */
  #sendOn(path: Path, { counter, sealed }: { counter: number; sealed: Uint8Array }): void {
    const flow = this.paths.flowOf(path);
    if (flow === null) return;
    this.paths.noteSent(path);
    const datagram = writeMedia(flow, counter & 0xffff, sealed);
    this.#outputs.push({ type: 'send', socket: path.socket, to: path.remote, datagram });
  }

  handleDatagram(socket: SocketId, from: string, datagram: Uint8Array, nowMs: number): void {
    if (this.#over) return;
    if (datagram[0] === DatagramType.Media) this.#handleMedia(socket, from, datagram, nowMs);
    else if (datagram[0] === DatagramType.Check) {
      if (this.paths.handleCheck(socket, from, datagram, nowMs)) this.#liveness.noteHeard(nowMs);
    } else this.#routes.handleDatagram(socket, from, datagram, nowMs);
    this.#pump(nowMs);
  }

  #handleMedia(socket: SocketId, from: string, datagram: Uint8Array, nowMs: number): void {
    const header = readMediaHeader(datagram);
    if (header === null || !this.receivesOn(header.flowId)) return;
    const sealed = datagram.subarray(MEDIA_HEADER_BYTES);
    const packet = this.#opener.openTruncated(header.counterLow, sealed, ASSOCIATED_DATA);
    if (!packet) {
      // A copy that came second still tells that its path works.
      if (this.#opener.isRepeat(header.counterLow, sealed, ASSOCIATED_DATA))
        this.paths.handleCopy(header.flowId, socket, from, nowMs);
      return;
    }
    const payload = readMediaPayload(packet.plaintext);
    this.#liveness.noteHeard(nowMs);
    const frameLow = payload?.kind === MediaKind.Audio ? payload.frameLow : null;
    this.reception.handlePacket(packet.counter, frameLow, nowMs);
    this.#monitor.handlePacket(packet.counter, datagram.length, `${header.flowId} ${from}`, nowMs);
    const frames = payload?.kind === MediaKind.Audio ? (opusPacketFrames(payload.opus) ?? 1) : 1;
    const isPause = payload?.kind === MediaKind.Audio && payload.opus.length === 0;
    if (frameLow !== null) this.#monitor.handleAudio(frameLow + frames, nowMs, isPause ? 0 : frames);
    // Longer packets come further apart, which is no silence, and so do those of a pause.
    const apartFrames = isPause ? PAUSE_EVERY_FRAMES : frames;
    const jitterMs = this.reception.jitterMs + JITTER_PER_LONGER_FRAME_MS * (apartFrames - 1);
    this.paths.handleMedia(header.flowId, socket, from, jitterMs, nowMs);
    if (payload?.kind === MediaKind.Audio) this.#handleAudio(payload, nowMs);
    if (payload?.kind === MediaKind.Bye && this.#isTalking) {
      this.#outputs.push({ type: 'ended', reason: 'remote-hangup' });
    }
  }

  #handleAudio({ frameLow, opus, copies, report }: AudioPayload, nowMs: number): void {
    if (report !== null) this.#outputs.push({ type: 'report', report });
    if (!this.#isTalking) {
      this.#earlyAudio.keep({ frameLow, opus, copies }, nowMs);
      if (this.#earlyAudio.isOverdue(nowMs)) this.#outputs.push({ type: 'overdue' });
    } else this.#outputs.push({ type: 'audio', frameLow, opus, copies });
  }

  #sendBye(nowMs: number): void {
    this.#byesLeft--;
    this.#nextByeAt = this.#byesLeft > 0 ? nowMs + BYE_INTERVAL_MS : Number.POSITIVE_INFINITY;
    this.#send({ kind: MediaKind.Bye }, nowMs);
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#nextByeAt) this.#sendBye(nowMs);
    if (this.#over) return;
    this.#routes.handleTimeout(nowMs);
    this.paths.handleTimeout(nowMs);
    this.#pump(nowMs);
    if (this.#saidSilent || !this.#liveness.isOver(nowMs)) return;
    this.#saidSilent = true;
    this.#outputs.push({ type: 'ended', reason: 'failed' });
  }

  /** Passes on what the parts have to say. */
  #pump(nowMs: number): void {
    if (!this.#over) this.#outputs.push(...this.#routes.pump(nowMs));
    for (const output of this.paths.poll()) this.#handlePathOutput(output);
    if (this.#unreported !== null && this.#unreported.path.rttMs !== null) {
      this.#outputs.push({ type: 'path', ...this.#unreported });
      this.#unreported = null;
    }
  }

  #handlePathOutput(output: PathOutput): void {
    if (output.type === 'path') this.#unreported = { path: output.path, reason: output.reason };
    else if (output.type === 'repeat') for (const packet of this.#recent) this.#sendOn(output.path, packet);
    else this.#outputs.push(output);
  }

  /** What was measured on each way over supernodes. */
  routeStats(): RouteStats[] {
    return this.paths.relays.map(({ flow, sentPackets, receivedPackets, lossPct, roundTrips }) => ({
      flow: flow!,
      packets: sentPackets + receivedPackets,
      lossPct,
      rttMs: roundTrips.medianMs,
    }));
  }

  stats(): MediaStats {
    return {
      sentPackets: this.#sentPackets,
      sentBytes: this.#sentBytes,
      receivedPackets: this.reception.receivedPackets,
      lostPackets: this.reception.lostPackets,
      duplicatePackets: this.#opener.stats.replayed,
      forgedPackets: this.#opener.stats.forged,
      jitterMs: this.reception.jitterMs,
      rttMs: this.paths.current?.roundTrips.medianMs ?? null,
    };
  }
}
