import { PacketOpener, PacketSealer, type SessionCrypto } from '@overcall/session';
import {
  type Candidate,
  type CandidateMessage,
  type GuessRequest,
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
  readMediaHeader,
  readMediaPayload,
  writeMedia,
  writeMediaPayload,
} from '@overcall/wire';
import type { LegId, ReadyLeg } from './call-types.ts';
import { Reception } from './reception.ts';
import { RelayAccess, type RelayTransport } from './relay-access.ts';
import { sealedChecks } from './sealed-checks.ts';

/** A peer that has not been heard for this long is gone, ms. While it rings it is pinged each second. */
const SILENCE_LIMIT_MS = 8000;
/** A timer that comes so late, ms, was not late by itself: this machine has slept, or its clock jumped. */
const SLEPT_MS = 1000;
/** What the peer then has to make itself heard, ms. */
const AFTER_SLEEP_MS = 3000;
/** How long the first packet of a peer may take, ms: time to open the relay from both sides, with retries. */
const FIRST_PACKET_LIMIT_MS = 15_000;
/** Silence of the relay after which its binding is proven again, ms: a NAT on the way may have lost its mapping. */
const REBIND_AFTER_MS = 500;
/** How often it is looked whether the relay is silent, ms. */
const REBIND_CHECK_MS = 250;
/** Byes are padded to the size of an audio payload at the default 24 kbit/s: 3 + 60 bytes. */
const PADDED_PAYLOAD_BYTES = AUDIO_HEADER_BYTES + 60;
/** Byes sent, and the time between them, ms. */
const BYE_COUNT = 3;
const BYE_INTERVAL_MS = 20;
/** Audio that overtakes the accept on another road is kept for this long, ms, and this many frames. */
const EARLY_AUDIO_MS = 1000;
const EARLY_AUDIO_FRAMES = 50;
/** Packets that are sent again when a path falls silent: as many as are out before that is noticed. */
const REPEATED_PACKETS = 8;

const ASSOCIATED_DATA = new Uint8Array([DatagramType.Media]);

export type MediaOutput =
  | { type: 'send'; socket: SocketId; to: string; datagram: Uint8Array; hopLimit?: number }
  /** For the peer, sealed, through the supernode. */
  | { type: 'tell'; message: CandidateMessage }
  /** Our NAT may have given us other addresses: ask again. */
  | { type: 'gather' }
  /** For guessing ports, see {@link PathAgent}: answered by {@link MediaSession.guide}. */
  | GuessRequest
  /** Heard on a leg that talks. */
  | { type: 'audio'; frameLow: number; opus: Uint8Array }
  /** A stream for datagrams to the supernode of this leg is to be open from now on, or need not be any more. */
  | { type: 'stream'; wanted: boolean }
  /** The way that audio goes now; its round trip is known. */
  | { type: 'path'; path: Path; reason: SwitchReason }
  /** The peer hung up (bye) or has not been heard for too long. */
  | { type: 'ended'; reason: 'failed' | 'remote-hangup' };

export interface MediaStats {
  sentPackets: number;
  sentBytes: number;
  receivedPackets: number;
  lostPackets: number;
  duplicatePackets: number;
  forgedPackets: number;
  jitterMs: number;
  /** Round trip to the peer on the path in use, ms; null before the first answer. */
  rttMs: number | null;
}

export interface MediaSessionOptions extends Pick<ReadyLeg, 'legId' | 'keys' | 'receiveFlow' | 'sendFlow'> {
  crypto: SessionCrypto;
  /** On which the peer sends to us directly, chosen at random. */
  directFlow: FlowId;
  /** Whether an address that the peer named may be checked. */
  mayCheck: (address: string) => boolean;
  /** Audio takes a direct path or none. */
  directOnly?: boolean;
  nowMs: number;
}

/** The relay of a leg, and how to bind to it. */
export interface RelayGrant {
  socket: SocketId;
  relayAddress: string;
  bindKey: Uint8Array;
  /** Name of the supernode. */
  via: string;
  /** The other way to it: the number of the stream in place of a socket, and its address over TCP. */
  stream?: { socket: SocketId; address: string };
  /** Round trip to it, as far as it is known, ms. */
  rttMs?: number;
}

interface RelayInUse {
  grant: RelayGrant;
  access: RelayAccess;
  /** As the path agent knows it. */
  inUse: RelayTransport | null;
}

/** The packets of one leg: protection, paths, order of life (warm, talking, over). */
export class MediaSession {
  readonly legId: LegId;
  readonly sendFlow: FlowId;
  readonly reception = new Reception();
  readonly paths: PathAgent;
  readonly #receiveFlows: ReadonlySet<FlowId>;
  readonly #openedAt: number;
  readonly #sealer: PacketSealer;
  readonly #opener: PacketOpener;
  readonly #outputs: MediaOutput[] = [];
  #relay: RelayInUse | null = null;
  #isStreamOpen = false;
  #saidStreamWanted = false;
  #wasSuspected = false;
  #talkingSince: number | null = null;
  #over = false;
  #saidSilent = false;
  #heardAt: number | null = null;
  /** After a sleep, silence counts from when we were awake again. */
  #graceEndsAt = Number.NEGATIVE_INFINITY;
  #nextRebindAt = Number.POSITIVE_INFINITY;
  #byesLeft = 0;
  #nextByeAt = Number.POSITIVE_INFINITY;
  #sentPackets = 0;
  #sentBytes = 0;
  readonly #earlyAudio: { frameLow: number; opus: Uint8Array; arrivedAt: number }[] = [];
  readonly #recent: { counter: number; sealed: Uint8Array }[] = [];
  /** A switch that is reported as soon as the round trip of the new path is known. */
  #unreported: { path: Path; reason: SwitchReason } | null = null;

  constructor(options: MediaSessionOptions) {
    const { crypto, keys, mayCheck, directOnly = false, directFlow, receiveFlow } = options;
    this.#openedAt = options.nowMs;
    this.legId = options.legId;
    this.sendFlow = options.sendFlow;
    this.#receiveFlows = new Set([receiveFlow, directFlow]);
    this.#sealer = new PacketSealer(crypto, keys.send.media);
    this.#opener = new PacketOpener(crypto, keys.receive.media);
    this.paths = new PathAgent({
      cipher: sealedChecks(crypto, keys),
      random: (bytes) => crypto.randomBytes(bytes),
      receiveFlow: directFlow,
      mayCheck,
      directOnly,
    });
  }

  poll(): MediaOutput[] {
    return this.#outputs.splice(0);
  }

  get deadline(): number {
    if (this.#over) return this.#nextByeAt;
    const bind = this.#relay?.access.deadline ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#nextRebindAt, this.#silenceEndsAt, bind, this.paths.deadline);
  }

  /** A path that never comes up is no path to answer on, so silence counts from the start. */
  get #silenceEndsAt(): number {
    if (this.#over || this.#saidSilent) return Number.POSITIVE_INFINITY;
    const isFirst = this.#talkingSince === null && this.#heardAt === null;
    const endsAt = isFirst
      ? this.#openedAt + FIRST_PACKET_LIMIT_MS
      : Math.max(this.#talkingSince ?? 0, this.#heardAt ?? 0) + SILENCE_LIMIT_MS;
    return Math.max(endsAt, this.#graceEndsAt);
  }

  /** All byes are out: the driver can let go of it. */
  get isOver(): boolean {
    return this.#over && this.#byesLeft === 0;
  }

  get isBound(): boolean {
    return (this.#relay?.access.active ?? null) !== null;
  }

  /** Whether datagrams with this flow id are for this leg. */
  receivesOn(flowId: FlowId): boolean {
    return this.#receiveFlows.has(flowId);
  }

  /**
   * The relay is ours to bind: begins at once. Given the key it has already, it goes on with the binding there is,
   * whose sequence the relay remembers.
   */
  useRelay(grant: RelayGrant, nowMs: number): void {
    if (this.#relay?.grant.relayAddress !== grant.relayAddress || !this.#relay.access.isFor(grant.bindKey)) {
      if (this.#relay !== null) this.#leaveRelay(this.#relay.grant, nowMs);
      const access = new RelayAccess({ flowId: this.sendFlow, bindKey: grant.bindKey, rttMs: grant.rttMs });
      this.#relay = { grant, access, inUse: null };
    }
    this.#relay.access.handleStream(this.#isStreamOpen, nowMs);
    this.#relay.access.start(nowMs);
    this.#nextRebindAt = nowMs + REBIND_CHECK_MS;
    this.#pump(nowMs);
  }

  #leaveRelay(grant: RelayGrant, nowMs: number): void {
    for (const { socket, remote } of endsOf(grant)) this.paths.dropRelay(socket, remote, nowMs);
  }

  /** The stream was opened, or broke; see the output of that name. */
  handleStream(isOpen: boolean, nowMs: number): void {
    this.#isStreamOpen = isOpen;
    this.#relay?.access.handleStream(isOpen, nowMs);
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
    this.#relay?.access.handleNetworkChange(nowMs);
    this.paths.handleNetworkChange(nowMs);
    this.#pump(nowMs);
  }

  /** The call was accepted: audio may flow from now on. */
  startTalking(nowMs: number): void {
    this.#talkingSince = nowMs;
    for (const { frameLow, opus, arrivedAt } of this.#earlyAudio.splice(0)) {
      if (nowMs - arrivedAt <= EARLY_AUDIO_MS) this.#outputs.push({ type: 'audio', frameLow, opus });
    }
    this.paths.talk(nowMs);
    this.#pump(nowMs);
  }

  /** Whether the peer has been heard: then a path is up at both ends. */
  get isHeard(): boolean {
    return this.#heardAt !== null;
  }

  /** Ends the leg; with `bye` the peer is told on the media path too. */
  close(bye: boolean, nowMs: number): void {
    this.#over = true;
    if (!bye) return;
    this.#byesLeft = BYE_COUNT;
    this.#sendBye(nowMs);
  }

  /** One 20 ms frame; dropped (and not counted as sent) while the leg is not talking or has no path. */
  sendAudio(frameNumber: number, opus: Uint8Array, nowMs: number): void {
    if (this.#talkingSince === null || this.#over) return;
    this.#send({ kind: MediaKind.Audio, frameLow: frameNumber & 0xffff, opus }, nowMs);
    this.#pump(nowMs);
  }

  #send(payload: MediaPayload, nowMs: number): void {
    const routes = this.paths.routes(nowMs);
    if (routes.length === 0) return;
    const plaintext = writeMediaPayload(payload, PADDED_PAYLOAD_BYTES);
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
      if (this.paths.handleCheck(socket, from, datagram, nowMs)) this.#heardAt = nowMs;
    } else if (this.#relay !== null) {
      const end = endsOf(this.#relay.grant).find((each) => each.socket === socket && each.remote === from);
      if (end !== undefined) this.#relay.access.handleDatagram(end.transport, datagram, nowMs);
    }
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
        this.paths.handleCopy(socket, from);
      return;
    }
    const payload = readMediaPayload(packet.plaintext);
    this.#heardAt = nowMs;
    const frameLow = payload?.kind === MediaKind.Audio ? payload.frameLow : null;
    this.reception.handlePacket(packet.counter, frameLow, nowMs);
    this.paths.handleMedia(socket, from, this.reception.jitterMs, nowMs);
    if (payload?.kind === MediaKind.Audio) this.#handleAudio(payload, nowMs);
    if (payload?.kind === MediaKind.Bye && this.#talkingSince !== null) {
      this.#outputs.push({ type: 'ended', reason: 'remote-hangup' });
    }
  }

  #handleAudio({ frameLow, opus }: AudioPayload, nowMs: number): void {
    if (this.#talkingSince !== null) {
      this.#outputs.push({ type: 'audio', frameLow, opus });
      return;
    }
    this.#earlyAudio.push({ frameLow, opus, arrivedAt: nowMs });
    if (this.#earlyAudio.length > EARLY_AUDIO_FRAMES) this.#earlyAudio.shift();
  }

  #sendBye(nowMs: number): void {
    this.#byesLeft--;
    this.#nextByeAt = this.#byesLeft > 0 ? nowMs + BYE_INTERVAL_MS : Number.POSITIVE_INFINITY;
    this.#send({ kind: MediaKind.Bye }, nowMs);
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#nextByeAt) this.#sendBye(nowMs);
    if (this.#over) return;
    this.#relay?.access.handleTimeout(nowMs);
    if (nowMs >= this.#nextRebindAt) this.#rebindIfSilent(nowMs);
    this.paths.handleTimeout(nowMs);
    this.#pump(nowMs);
    // What arrived while we slept has not been read yet.
    if (nowMs >= this.#silenceEndsAt + SLEPT_MS) this.#graceEndsAt = nowMs + AFTER_SLEEP_MS;
    if (nowMs >= this.#silenceEndsAt) {
      this.#saidSilent = true;
      this.#outputs.push({ type: 'ended', reason: 'failed' });
    }
  }

  #rebindIfSilent(nowMs: number): void {
    this.#nextRebindAt = nowMs + REBIND_CHECK_MS;
    const { access, grant, inUse } = this.#relay!;
    const end = endsOf(grant).find(({ transport }) => transport === inUse);
    if (end === undefined) return;
    const silentSince = this.paths.relayUnansweredSince(end.socket, end.remote);
    if (silentSince !== null && nowMs - silentSince >= REBIND_AFTER_MS) access.suspect(nowMs);
  }

  /** Passes on what the parts have to say. */
  #pump(nowMs: number): void {
    this.#pumpRelay(nowMs);
    for (const output of this.paths.poll()) this.#handlePathOutput(output);
    if (this.#unreported !== null && this.#unreported.path.rttMs !== null) {
      this.#outputs.push({ type: 'path', ...this.#unreported });
      this.#unreported = null;
    }
  }

  #pumpRelay(nowMs: number): void {
    if (this.#over) return;
    if (this.#relay === null) {
      this.#sayStreamWanted(true);
      return;
    }
    const { access, grant } = this.#relay;
    // Audio or an answer is overdue: whether it is our own way to the relay is known a round trip later.
    if (this.paths.isSuspected && !this.#wasSuspected) access.suspect(nowMs);
    this.#wasSuspected = this.paths.isSuspected;
    const ends = endsOf(grant);
    for (const { transport, datagram } of access.poll()) {
      const { socket, remote } = ends.find((end) => end.transport === transport)!;
      this.#outputs.push({ type: 'send', socket, to: remote, datagram });
    }
    if (access.takeNewStream()) this.#sayStreamWanted(false);
    if (grant.stream !== undefined) this.#sayStreamWanted(access.wantsStream);
    this.#followAccess(this.#relay, nowMs);
  }

  /** The relay is one path, whichever way it is reached; the way before is only listened to. */
  #followAccess(relay: RelayInUse, nowMs: number): void {
    const { access, grant, inUse } = relay;
    if (access.active === inUse) return;
    if (inUse === 'tcp' && access.active === 'udp') this.paths.handleUdpRegained(nowMs);
    relay.inUse = access.active;
    for (const { socket, remote, transport } of endsOf(grant)) {
      const route = { socket, remote, transport, via: [grant.via], sendFlow: this.sendFlow };
      if (transport === access.active) this.paths.useRelay(route, nowMs);
    }
    for (const { socket, remote, transport } of endsOf(grant))
      if (transport !== access.active) this.paths.restRelay(socket, remote, nowMs);
  }

  #sayStreamWanted(wanted: boolean): void {
    if (wanted === this.#saidStreamWanted) return;
    this.#saidStreamWanted = wanted;
    this.#outputs.push({ type: 'stream', wanted });
  }

  #handlePathOutput(output: PathOutput): void {
    if (output.type === 'path') this.#unreported = { path: output.path, reason: output.reason };
    else if (output.type === 'repeat') for (const packet of this.#recent) this.#sendOn(output.path, packet);
    else this.#outputs.push(output);
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
      rttMs: this.paths.current?.rttMs ?? null,
    };
  }
}

/** Both ways to a relay. */
function endsOf(grant: RelayGrant): { socket: SocketId; remote: string; transport: RelayTransport }[] {
  const { socket, relayAddress, stream } = grant;
  const udp = { socket, remote: relayAddress, transport: 'udp' as const };
  return stream === undefined
    ? [udp]
    : [udp, { socket: stream.socket, remote: stream.address, transport: 'tcp' as const }];
}
