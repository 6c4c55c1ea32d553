import type { Host } from './host.ts';
import type { LossModel } from './loss-model.ts';

/** First bytes of what softphones say to servers; everything else is for the peer. */
export const ServerWord = {
  WhoAmI: 0xf1,
  Seen: 0xf2,
  Bind: 0xf3,
  Bound: 0xf4,
  Challenge: 0xf5,
} as const;

export const SERVER_PORT = 3478;

export type Side = 'alice' | 'bob';
export const OTHER = { alice: 'bob', bob: 'alice' } as const satisfies Record<Side, Side>;

/** Tells each who asks where it was seen. */
export function serveAddresses(host: Host): void {
  const socket = host.bind(SERVER_PORT);
  socket.onDatagram = (bytes, from) => {
    if (bytes[0] === ServerWord.WhoAmI) socket.send(from, seenAt(from));
  };
}

const seenAt = (from: string): Uint8Array =>
  new Uint8Array([ServerWord.Seen, ...new TextEncoder().encode(from)]);

/** Whoever can say it has heard it at that endpoint: a stand-in for the cookie of bind.ts. */
const challenge = (from: string): Uint8Array =>
  new Uint8Array([ServerWord.Challenge, ...new TextEncoder().encode(from)]);

const cookieIn = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.subarray(2));

/** Where somebody receives from the relay: an endpoint that was bound, or a connection that no NAT can spoil. */
type Receiver = (bytes: Uint8Array) => void;

/** A supernode with two flows: what comes from one side's endpoint goes to the other's. Says where it saw whom, too. */
export class SimulatedRelay {
  readonly address: string;
  readonly name: string;
  /** On which both sides receive what comes this way. */
  readonly flow: number;
  /** Nothing is forwarded while false. */
  works = true;
  /** It has died without a word: nothing is answered either. */
  isDead = false;
  /** What it loses of what it forwards. */
  loss: LossModel | null = null;
  /** It is not honest: what becomes of a datagram; `pass` forwards it. */
  tamper: ((from: Side, bytes: Uint8Array, pass: () => void) => void) | null = null;
  readonly #receivers = new Map<Side, Receiver>();
  readonly #sideByEndpoint = new Map<string, Side>();

  constructor(host: Host, flow = 9) {
    const socket = host.bind(SERVER_PORT);
    this.address = socket.local;
    this.name = host.name;
    this.flow = flow;
    socket.onDatagram = (bytes, from) => {
      if (this.isDead) return;
      if (bytes[0] === ServerWord.WhoAmI) socket.send(from, seenAt(from));
      else if (bytes[0] === ServerWord.Bind && cookieIn(bytes) === from) {
        const side: Side = bytes[1] === 0 ? 'alice' : 'bob';
        for (const [endpoint, owner] of this.#sideByEndpoint)
          if (owner === side) this.#sideByEndpoint.delete(endpoint);
        this.#sideByEndpoint.set(from, side);
        this.#receivers.set(side, (datagram) => socket.send(from, datagram));
        socket.send(from, new Uint8Array([ServerWord.Bound]));
      } else {
        const side = this.#sideByEndpoint.get(from);
        if (side !== undefined && bytes[0] !== ServerWord.Bind) this.forward(side, bytes);
        else socket.send(from, challenge(from));
      }
    };
  }

  /** Whether a side is bound from that IP address. */
  isBoundFrom(side: Side, address: string): boolean {
    return [...this.#sideByEndpoint].some(
      ([endpoint, owner]) => owner === side && endpoint.startsWith(`${address}:`),
    );
  }

  /** By something else than UDP. */
  bindConnection(side: Side, receive: Receiver): void {
    this.#receivers.set(side, receive);
  }

  forward(from: Side, bytes: Uint8Array): void {
    if (this.isDead || !this.works || this.loss?.next()) return;
    const pass = () => this.#receivers.get(OTHER[from])?.(bytes);
    if (this.tamper === null) pass();
    else this.tamper(from, bytes, pass);
  }
}
