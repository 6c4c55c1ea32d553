import { type HeardAudio, type MediaOutput, MediaSession, type ReadyLeg, randomFlowId } from '@overcall/call';
import type { Logger } from '@overcall/cli';
import { DeadlineTimer } from '@overcall/net';
import type { SessionCrypto } from '@overcall/session';
import type { CandidateMessage, GuessRequest, Path, PathAgent, SwitchReason } from '@overcall/traversal';
import { DatagramType, type FlowId, type ReceptionReport, uint32At } from '@overcall/wire';
import { FIRST_FRESH_SOCKET, FreshSockets } from './fresh-sockets.ts';
import { LegRoutes, type LegRoutesHandlers } from './leg-routes.ts';
import { LegStreams } from './leg-streams.ts';

export interface MediaLegHandlers extends Omit<LegRoutesHandlers, 'act'> {
  send(socket: number, to: string, datagram: Uint8Array, hopLimit?: number): void;
  /** Whether an address that the peer named may be checked. */
  mayCheck(address: string): boolean;
  /** Audio takes a direct path or none. */
  directOnly: boolean;
  tell(message: CandidateMessage): void;
  /** Local address that sockets bind to; every interface when there is none. */
  bindAddress: string | undefined;
  /** Asks again how this machine's sockets look from outside. */
  gather(): void;
  onAudio(audio: HeardAudio): void;
  /** What the peer says of what we send. */
  onReport(report: ReceptionReport): void;
  onPath(path: Path, reason: SwitchReason): void;
  /** The peer is heard on a route, or is not any more. */
  onRoute(receiveFlow: FlowId, isUp: boolean): void;
  /** Audio comes, and no accept has. */
  onOverdue(): void;
  onEnded(reason: 'failed' | 'remote-hangup'): void;
  now(): number;
}

/** Runs the media session of one leg: its timer, its datagrams, its routes. */
export class MediaLeg {
  readonly leg: ReadyLeg;
  readonly session: MediaSession;
  readonly #handlers: MediaLegHandlers;
  readonly #timer = new DeadlineTimer(() => {
    this.session.handleTimeout(this.#handlers.now());
    this.pump();
  });
  readonly routes: LegRoutes;
  readonly #fresh: FreshSockets;
  readonly #streams: LegStreams;
  #closed = false;

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
    const act: LegRoutesHandlers['act'] = (verb) => {
      if (!this.#closed) this.act(verb);
    };
    this.routes = new LegRoutes(leg, { ...handlers, act }, this.#streams, log);
    this.pump();
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
    else if (output.type === 'audio') handlers.onAudio(output);
    else if (output.type === 'report') handlers.onReport(output.report);
    else if (output.type === 'tell') handlers.tell(output.message);
    else if (output.type === 'gather') handlers.gather();
    else if (output.type === 'path') handlers.onPath(output.path, output.reason);
    else if (output.type === 'stream') this.#streams.want(output.socket, output.wanted);
    else if (output.type === 'overdue') handlers.onOverdue();
    else if (output.type === 'ended') handlers.onEnded(output.reason);
    else if (output.type === 'route') handlers.onRoute(output.route, output.isUp);
    else void this.#helpToGuess(output);
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
        const server = this.routes.anyEntry?.udp.find((address) => !address.startsWith('['));
        if (server !== undefined) this.#fresh.measure(request.socket, server);
        break;
      }
      case 'confirm': {
        const { address } = request;
        const isConfirmed = await this.routes.isPeerBoundFrom(address);
        this.#guide((paths, nowMs) => paths.handleConfirmed(address, isConfirmed, nowMs));
      }
    }
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

  /** Ends the leg; resolves when its byes are out, and the relays given back through which they went. */
  async close(bye: boolean): Promise<void> {
    this.#closed = true;
    this.routes.stop();
    this.session.close(bye, this.#handlers.now());
    this.pump();
    while (!this.session.isOver) await new Promise((resolve) => setTimeout(resolve, 5));
    this.#timer.set(null);
    this.#fresh.closeAll();
    this.#streams.closeAll();
    this.routes.releaseAll();
  }
}

/** The flow id of a datagram of a call; null for anything else. */
function flowOf(datagram: Uint8Array): FlowId | null {
  const isOfCall = datagram[0] === DatagramType.Media || datagram[0] === DatagramType.Check;
  return isOfCall && datagram.length >= 5 ? uint32At(datagram, 1) : null;
}
