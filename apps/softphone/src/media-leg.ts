import { type MediaOutput, MediaSession, type ReadyLeg, type RelayGrant, randomFlowId } from '@overcall/call';
import type { Logger } from '@overcall/cli';
import { DeadlineTimer } from '@overcall/net';
import type { SessionCrypto } from '@overcall/session';
import {
  type CandidateMessage,
  type GuessRequest,
  type Path,
  type PathAgent,
  parseAddressPort,
  type SwitchReason,
} from '@overcall/traversal';
import { DatagramType, type FlowId, fromBase64Url, OvercallError, viewOf } from '@overcall/wire';
import type { Attachment } from './attachment.ts';
import { FIRST_FRESH_SOCKET, FreshSockets } from './fresh-sockets.ts';
import { LegStreams } from './leg-streams.ts';

/** A relay is asked for this often, this far apart, ms. */
const RELAY_ATTEMPTS = 5;
const RELAY_RETRY_MS = 1000;

export interface MediaLegHandlers {
  /** The control connection to the supernode of this leg, while there is one. */
  attachment(): Attachment | undefined;
  send(socket: number, to: string, datagram: Uint8Array, hopLimit?: number): void;
  /** The socket for addresses of this kind (IPv4, IPv6); null when there is none. */
  socketFor(address: string): number | null;
  /** Whether an address that the peer named may be checked. */
  mayCheck(address: string): boolean;
  /** Audio takes a direct path or none. */
  directOnly: boolean;
  tell(message: CandidateMessage): void;
  /** Local address that sockets bind to; every interface when there is none. */
  bindAddress: string | undefined;
  /** Asks again how this machine's sockets look from outside. */
  gather(): void;
  onAudio(frameLow: number, opus: Uint8Array): void;
  onPath(path: Path, reason: SwitchReason): void;
  onEnded(reason: 'failed' | 'remote-hangup'): void;
  now(): number;
}

/** Runs the media session of one leg: its timer, its datagrams, its relay. */
export class MediaLeg {
  readonly leg: ReadyLeg;
  readonly session: MediaSession;
  readonly #handlers: MediaLegHandlers;
  readonly #timer = new DeadlineTimer(() => {
    this.session.handleTimeout(this.#handlers.now());
    this.pump();
  });
  readonly #log: Logger;
  readonly #fresh: FreshSockets;
  readonly #streams: LegStreams;
  #closed = false;
  #hasRelay = false;

  constructor(leg: ReadyLeg, crypto: SessionCrypto, handlers: MediaLegHandlers, log: Logger) {
    this.leg = leg;
    this.#handlers = handlers;
    this.session = new MediaSession({
      ...leg,
      crypto,
      directFlow: randomFlowId(crypto),
      mayCheck: handlers.mayCheck,
      directOnly: handlers.directOnly,
      nowMs: handlers.now(),
    });
    this.#log = log;
    this.#fresh = new FreshSockets({
      bindAddress: handlers.bindAddress,
      onDatagram: (socket, from, datagram) => this.#handleFreshDatagram(socket, from, datagram),
      onMeasured: (mapped) => this.#guide((paths, nowMs) => paths.handleMeasured(mapped, nowMs)),
    });
    this.#streams = new LegStreams(
      {
        onDatagram: (socket, from, datagram) => this.handleDatagram(socket, from, datagram),
        onChange: (socket, isOpen) =>
          this.act((session, nowMs) => session.handleStream(socket, isOpen, nowMs)),
      },
      log,
    );
    this.pump();
    // In case there is no UDP: opened while the relay is asked for.
    const relay = this.#relayEntry();
    const stream = relay && this.#streams.grant(relay);
    if (stream !== undefined) this.#streams.want(stream.socket, true);
    void this.#findRelay();
  }

  /** Asks again when the control connection breaks meanwhile; it is made anew in the background. */
  async #findRelay(): Promise<void> {
    for (let attempt = 1; attempt <= RELAY_ATTEMPTS && !this.#closed; attempt++) {
      try {
        return await this.#openRelay();
      } catch (error) {
        this.#log.warn({ callId: this.leg.callId, error: String(error) }, 'no relay for this call');
        await new Promise((resolve) => setTimeout(resolve, RELAY_RETRY_MS));
      }
    }
  }

  async #openRelay(): Promise<void> {
    const attachment = this.#handlers.attachment();
    if (attachment === undefined)
      throw new OvercallError('supernode-unreachable', 'not attached to its supernode');
    const { bindKey } = await attachment.openRelay({
      peer: this.leg.peer.identityKeyId,
      receiveFlow: this.leg.receiveFlow,
      sendFlow: this.leg.sendFlow,
    });
    const key = fromBase64Url(bindKey);
    // Only the addresses that the directory signed: a supernode's own word could point us at anybody.
    const reachable = attachment.entry.udp.filter((text) => {
      const address = parseAddressPort(text)?.address;
      return address !== undefined && this.#handlers.socketFor(address) !== null;
    });
    const relayAddress = reachable.find((address) => !address.startsWith('[')) ?? reachable[0];
    if (this.#closed || key === null) return;
    if (relayAddress === undefined) {
      throw new OvercallError(
        'supernode-unreachable',
        'no address of the relay is of a kind that this machine has',
      );
    }
    this.#hasRelay = true;
    const socket = this.#handlers.socketFor(parseAddressPort(relayAddress)!.address)!;
    const { rttMs, entry } = attachment;
    const { receiveFlow: route, sendFlow } = this.leg;
    const stream = this.#streams.grant(entry);
    const via = [entry.name];
    const grant: RelayGrant = { route, sendFlow, via, socket, relayAddress, bindKey: key, rttMs };
    this.session.useRelay(stream === undefined ? grant : { ...grant, stream }, this.#handlers.now());
    this.pump();
  }

  /** Its supernode is back: it may have forgotten the relay. */
  reopenRelay(): void {
    if (!this.#closed && this.#hasRelay) void this.#findRelay();
  }

  /** Whether a datagram belongs to this leg: bind answers carry a flow id of the peer. */
  owns(flowId: number, isBindAnswer: boolean): boolean {
    return isBindAnswer ? this.session.bindsWith(flowId) : this.session.receivesOn(flowId);
  }

  handleDatagram(socket: number, from: string, datagram: Uint8Array): void {
    this.session.handleDatagram(socket, from, datagram, this.#handlers.now());
    this.pump();
  }

  /** Runs a verb of the session, then carries out what it asks for. */
  act(verb: (session: MediaSession, nowMs: number) => void): void {
    verb(this.session, this.#handlers.now());
    this.pump();
  }

  /** Carries out what the session asks for and sets its timer. */
  pump(): void {
    for (const output of this.session.poll()) this.#carryOut(output);
    const { deadline } = this.session;
    this.#timer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
  }

  #carryOut(output: MediaOutput): void {
    const handlers = this.#handlers;
    if (output.type === 'send') this.#send(output);
    else if (output.type === 'audio') handlers.onAudio(output.frameLow, output.opus);
    else if (output.type === 'tell') handlers.tell(output.message);
    else if (output.type === 'gather') handlers.gather();
    else if (output.type === 'path') handlers.onPath(output.path, output.reason);
    else if (output.type === 'stream') this.#streams.want(output.socket, output.wanted);
    else if (output.type === 'ended') handlers.onEnded(output.reason);
    else if (output.type !== 'route') void this.#helpToGuess(output);
  }

  #guide(tell: (paths: PathAgent, nowMs: number) => void): void {
    if (!this.#closed) this.act((session, nowMs) => session.guide((paths) => tell(paths, nowMs), nowMs));
  }

  async #helpToGuess(request: GuessRequest): Promise<void> {
    switch (request.type) {
      case 'open-sockets': {
        const sockets = await this.#fresh.open(request.count);
        this.#guide((paths, nowMs) => paths.handleOpened(sockets, nowMs));
        break;
      }
      case 'close-sockets':
        this.#fresh.close(request.sockets);
        break;
      case 'measure': {
        const server = this.#relayEntry()?.udp.find((address) => !address.startsWith('['));
        if (server !== undefined) this.#fresh.measure(request.socket, server);
        break;
      }
      case 'confirm': {
        const { address } = request;
        const isConfirmed = await this.#isPeerBoundFrom(address);
        this.#guide((paths, nowMs) => paths.handleConfirmed(address, isConfirmed, nowMs));
      }
    }
  }

  #relayEntry(): Attachment['entry'] | undefined {
    return this.#handlers.attachment()?.entry;
  }

  async #isPeerBoundFrom(address: string): Promise<boolean> {
    const { receiveFlow, sendFlow } = this.leg;
    const answer = this.#handlers.attachment()?.confirmPeer({ receiveFlow, sendFlow, address });
    return (await answer?.catch(() => null))?.known === true;
  }

  #handleFreshDatagram(socket: number, from: string, datagram: Uint8Array): void {
    const flowId = flowOf(datagram);
    if (flowId !== null && this.owns(flowId, false)) this.handleDatagram(socket, from, datagram);
  }

  #send({ socket, to, datagram, hopLimit }: Extract<MediaOutput, { type: 'send' }>): void {
    if (this.#streams.has(socket)) this.#streams.send(socket, datagram);
    else if (socket >= FIRST_FRESH_SOCKET) this.#fresh.send(socket, to, datagram, hopLimit);
    else this.#handlers.send(socket, to, datagram, hopLimit);
  }

  /** Local `ip:port` of the stream that a path goes over; '' while it is not open. */
  streamAddressOf({ socket }: Path): string {
    return this.#streams.localAddressOf(socket);
  }

  /** Ends the leg; resolves when its byes are out. */
  async close(bye: boolean): Promise<void> {
    this.#closed = true;
    this.session.close(bye, this.#handlers.now());
    this.pump();
    while (!this.session.isOver) await new Promise((resolve) => setTimeout(resolve, 5));
    this.#timer.set(null);
    this.#fresh.closeAll();
    this.#streams.closeAll();
  }
}

/** The flow id of a datagram of a call; null for anything else. */
function flowOf(datagram: Uint8Array): FlowId | null {
  const isOfCall = datagram[0] === DatagramType.Media || datagram[0] === DatagramType.Check;
  return isOfCall && datagram.length >= 5 ? viewOf(datagram).getUint32(1) : null;
}
