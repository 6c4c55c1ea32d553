import type { PathAgent } from '@overcall/traversal';
import type { Socket } from './host.ts';
import { ServerWord, type Side, type SimulatedRelay } from './simulated-relay.test-support.ts';
import type { World } from './world.ts';

const RETRY_MS = 100;
const MAX_RETRIES = 20;
/** As granted-routes.ts does. */
const REBIND_INTERVAL_MS = 1000;
const REBIND_AFTER_MS = 500;
/** One way to the relay for whom UDP is blocked, ms. */
const CONNECTION_DELAY_MS = 40;

export interface RouteOptions {
  world: World;
  side: Side;
  relay: SimulatedRelay;
  agent: PathAgent;
  socket: Socket;
  /** UDP leads nowhere: the relay is reached by a connection. */
  isUdpBlocked: boolean;
  /** What came by the connection. */
  onDatagram: (bytes: Uint8Array, from: string) => void;
  /** The agent has been told something. */
  onChange: () => void;
}

/** A softphone's route over one relay: bound, and bound again when it is silent. */
export class SimulatedRoute {
  readonly relay: SimulatedRelay;
  readonly #options: RouteOptions;
  isBound = false;
  #isBinding = false;
  #bindRetry = 0;
  #cookie: Uint8Array = new Uint8Array();

  constructor(options: RouteOptions) {
    this.relay = options.relay;
    this.#options = options;
  }

  get #now(): number {
    return this.#options.world.now;
  }

  start(): void {
    if (this.#options.isUdpBlocked) this.#connect();
    else this.#bind(0);
  }

  handleNetworkChange(): void {
    if (!this.#options.isUdpBlocked) this.#bind(0);
  }

  /** A challenge, drawn by a request or by audio that comes from elsewhere than before, or its answer's answer. */
  handleServerWord(bytes: Uint8Array): void {
    if (bytes[0] === ServerWord.Bound) this.#use();
    else {
      this.#cookie = bytes.slice(1);
      this.#bind(this.#isBinding ? this.#bindRetry + 1 : 0);
    }
  }

  /** False where UDP may be used: the sender does that itself. */
  sendByConnection(datagram: Uint8Array): boolean {
    const { world, side, isUdpBlocked } = this.#options;
    if (isUdpBlocked) world.at(this.#now + CONNECTION_DELAY_MS, () => this.relay.forward(side, datagram));
    return isUdpBlocked;
  }

  #bind(retry: number): void {
    if (retry === 0) this.#isBinding = true;
    if (!this.#isBinding || retry >= MAX_RETRIES) return;
    this.#bindRetry = retry;
    const { side, world, socket } = this.#options;
    const word = [ServerWord.Bind, side === 'alice' ? 0 : 1];
    socket.send(this.relay.address, new Uint8Array([...word, ...this.#cookie]));
    world.at(this.#now + RETRY_MS * Math.min(10, 2 ** retry), () => {
      if (this.#bindRetry === retry) this.#bind(retry + 1);
    });
  }

  #connect(): void {
    const { side, world, onDatagram } = this.#options;
    this.relay.bindConnection(side, (bytes) =>
      world.at(this.#now + CONNECTION_DELAY_MS, () => onDatagram(bytes, this.relay.address)),
    );
    world.at(this.#now + 2 * CONNECTION_DELAY_MS, () => this.#use());
  }

  #use(): void {
    const { agent, onChange, isUdpBlocked } = this.#options;
    const { flow, name, address } = this.relay;
    this.#isBinding = false;
    agent.useRelay({ flow, sendFlow: flow, socket: 0, remote: address, via: [name] }, this.#now);
    if (!this.isBound && !isUdpBlocked) this.#rebindIfSilent();
    this.isBound = true;
    onChange();
  }

  #rebindIfSilent(): void {
    this.#options.world.at(this.#now + REBIND_INTERVAL_MS, () => {
      const since = this.#options.agent.routeUnansweredSince(this.relay.flow);
      if (since !== null && this.#now - since >= REBIND_AFTER_MS && !this.#isBinding) this.#bind(0);
      this.#rebindIfSilent();
    });
  }
}
