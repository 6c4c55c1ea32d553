import type { End } from './frames.ts';

/** One direction of a call: what is sent, and where it comes out. */
export interface Direction {
  from: End;
  to: End;
  /** The UDP payload that the relay gets; its last bytes are the generator's. */
  payload: Uint8Array;
  /** Where it comes out, `address:port`. */
  out: string;
}

/** A datagram to the relay, and the first that comes back to where it came from and can be read. */
export type Exchange = <T>(
  from: End,
  to: End,
  payload: Uint8Array,
  read: (answer: Uint8Array) => T | null,
) => Promise<T>;

export interface RelayUnderTest {
  readonly name: string;
  /** Null where no process relays. */
  readonly pid: number | null;
  /** Sets up calls, and returns both directions of each. */
  open(count: number, exchange: Exchange): Promise<Direction[]>;
  /** Memory that the process has, garbage not counted. */
  rssBytes(): Promise<number>;
  stop(): Promise<void>;
}

/** Bytes of a packet: what softphones send with 64 kbit/s and their header, and what the field calls a voice packet. */
export const PACKET_BYTES = 160;

export const callerOf = (index: number): End => ({ address: '198.51.100.1', port: 10_000 + index });
export const calleeOf = (index: number): End => ({ address: '198.51.100.2', port: 10_000 + index });

/** For relays to which packets need no header. */
export const plainDirection = (from: End, peer: End, relay: End): Direction => ({
  from,
  to: relay,
  payload: new Uint8Array(PACKET_BYTES),
  out: `${peer.address}:${peer.port}`,
});

/** Options of Node that a supernode sets itself before it loads anything. */
export const NODE_OPTIONS = [
  '--expose-gc',
  '--import',
  new URL('../../apps/supernode/src/short-pauses.ts', import.meta.url).href,
];
