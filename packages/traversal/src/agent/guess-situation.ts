import { formatAddressPort } from '../ip-address.ts';
import type { NatBehaviour } from '../nat-behaviour.ts';
import { FORETOLD_SOCKETS, type FreshSocket, type Guess, pairsOf } from './foretelling.ts';
import type { SocketId } from './path.ts';

export type GuessOutput =
  /** Fresh IPv4 sockets that have not sent anything: `Guesser.handleOpened`. */
  | { type: 'open-sockets'; count: number }
  | { type: 'close-sockets'; sockets: SocketId[] }
  /** Ask a server how it sees that socket: `Guesser.handleMeasured`. */
  | { type: 'measure'; socket: SocketId }
  /** Ask the relay whether the peer is bound from that IP address: `Guesser.handleConfirmed`. */
  | { type: 'confirm'; address: string }
  /** The guess has changed. */
  | { type: 'guess'; guess: Guess }
  /** A path to be checked like any other. */
  | { type: 'pair'; socket: SocketId; remote: string }
  /** A single check; `opens`: with a low hop limit. */
  | { type: 'probe'; socket: SocketId; to: string; opens: boolean };

/** What the path agent knows when it asks for guesses. */
export interface GuessSituation {
  own: NatBehaviour;
  peer: NatBehaviour;
  /** Outside IPv4 addresses as servers see them; null where unknown. */
  ownAddress: string | null;
  /** `ip:port` at which servers see the peer. */
  peerTarget: { address: string; target: string } | null;
  peerGuess: Guess | null;
  /** Breaks ties; true at one of the two sides. */
  isFirst: boolean;
  /** IPv4 socket of ordinary checks. */
  mainSocket: SocketId;
}

/**
 * Names the two networks; empty while it is not known where the peer is. How the two filter is known last: a plan that fits
 * all the same goes on.
 */
export function keyOf({ own, peer, ownAddress, peerTarget }: GuessSituation): string {
  if (peerTarget === null) return '';
  const ways = [own, peer].map(({ mapping, ports }) => ({
    mapping,
    // One more port was seen than a moment ago: no reason to begin anew.
    ports: ports.kind === 'random' ? ports.kind : ports,
  }));
  return JSON.stringify([ways, ownAddress, peerTarget.address]);
}

/**
 * Which socket checks which port of the peer: a foretold one of ours its foretold ones, or one side its ordinary one.
 * @param guess ours, and the sockets it is of; null where the peer alone foretells
 * @param peerGuess null where we alone foretell
 */
export function pairsOfGuesses(
  situation: GuessSituation,
  sockets: readonly FreshSocket[],
  guess: Guess | null,
  peerGuess: Guess | null,
): { socket: SocketId; remote: string }[] {
  const { peerTarget, mainSocket, isFirst } = situation;
  const { address, target } = peerTarget!;
  if (peerGuess === null) return [{ socket: sockets[0]!.socket, remote: target }];
  const remotes = peerGuess.ports.map((port) => formatAddressPort({ address, port }));
  if (guess === null)
    return remotes.slice(0, FORETOLD_SOCKETS).map((remote) => ({ socket: mainSocket, remote }));
  return pairsOf(isFirst, sockets.length, remotes.length).map(([socket, port]) => ({
    socket: sockets[socket]!.socket,
    remote: remotes[port]!,
  }));
}
