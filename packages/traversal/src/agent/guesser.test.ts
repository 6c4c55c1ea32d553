import { beforeEach, describe, expect, it } from 'vitest';
import type { NatBehaviour } from '../nat-behaviour.ts';
import type { FreshSocket } from './foretelling.ts';
import type { GuessOutput, GuessSituation } from './guess-situation.ts';
import { Guesser } from './guesser.ts';
import type { SocketId } from './path.ts';

const CONE: NatBehaviour = { mapping: 'eim', filtering: 'apdf', ports: { kind: 'preserved' } };
const RANDOM: NatBehaviour = { mapping: 'apdm', filtering: 'apdf', ports: { kind: 'random' } };
const PRESERVING: NatBehaviour = { mapping: 'apdm', filtering: 'apdf', ports: { kind: 'preserved' } };
const SEQUENTIAL: NatBehaviour = { ...RANDOM, ports: { kind: 'sequential', step: 1 } };

const between = (own: NatBehaviour, peer: NatBehaviour): GuessSituation => ({
  own,
  peer,
  ownAddress: '198.51.100.1',
  peerTarget: { address: '198.51.100.2', target: '198.51.100.2:40000' },
  peerGuess: null,
  isFirst: true,
  mainSocket: 0,
});

/** A guesser whose driver opens what is asked for and whose relay confirms, on a virtual clock. */
class GuessPlay {
  nowMs = 0;
  readonly guesser = new Guesser((bytes) => new Uint8Array(bytes));
  readonly open = new Set<SocketId>();
  readonly outputs: GuessOutput[] = [];
  canOpen = true;
  /** What the relay says of the peer. */
  isBound = true;
  mostOpen = 0;
  #next = 10;

  consider(situation: GuessSituation): void {
    this.guesser.consider(situation, this.nowMs);
    this.#drain();
  }

  settle(used: SocketId[]): void {
    this.guesser.settle(used, this.nowMs);
    this.#drain();
  }

  run(ms: number, onTimeout: () => void = () => {}): void {
    const until = this.nowMs + ms;
    for (let turns = 0; this.guesser.deadline <= until; turns++) {
      if (turns > 5000) throw new Error('a timer that is always due');
      this.nowMs = Math.max(this.nowMs, this.guesser.deadline);
      this.guesser.handleTimeout(this.nowMs);
      onTimeout();
      this.#drain();
    }
    this.nowMs = until;
  }

  #drain(): void {
    for (let outputs = this.guesser.poll(); outputs.length > 0; outputs = this.guesser.poll())
      for (const output of outputs) this.#carryOut(output);
  }

  #carryOut(output: GuessOutput): void {
    this.outputs.push(output);
    if (output.type === 'open-sockets') {
      const sockets = Array.from({ length: this.canOpen ? output.count : 0 }, () => this.#openOne());
      this.guesser.handleOpened(sockets, this.nowMs);
    } else if (output.type === 'close-sockets') for (const socket of output.sockets) this.open.delete(socket);
    else if (output.type === 'confirm')
      this.guesser.handleConfirmed(output.address, this.isBound, this.nowMs);
  }

  #openOne(): FreshSocket {
    const socket = this.#next++;
    this.open.add(socket);
    this.mostOpen = Math.max(this.mostOpen, this.open.size);
    return { socket, localPort: 50_000 + socket };
  }
}

let play: GuessPlay;
beforeEach(() => {
  play = new GuessPlay();
});

describe('guessing ports', () => {
  it('ends when the peer takes back the address that was guessed at, whenever it does', () => {
    const unknownFiltering: NatBehaviour = { ...RANDOM, filtering: 'unknown' };
    for (const own of [RANDOM, unknownFiltering, PRESERVING]) {
      const situation = between(own, CONE);
      const each = new GuessPlay();
      each.consider(situation);
      each.run(100);
      each.consider({ ...situation, peerTarget: null });
      each.run(20_000);
      expect([...each.open]).toEqual([]);
      expect(each.guesser.deadline).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('keeps its limit of sockets, and its timer still, when the path that was found is lost at once', () => {
    const situation = between(RANDOM, CONE);
    play.consider(situation);
    play.run(1000);
    play.settle([10]);
    play.run(1000);
    play.consider(situation);
    play.run(30_000);
    expect(play.mostOpen).toBe(256);
    expect([...play.open]).toEqual([]);
    expect(play.guesser.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('does not begin when an ordinary check was faster', () => {
    play.consider(between({ ...RANDOM, filtering: 'unknown' }, CONE));
    play.run(100);
    play.settle([0]);
    play.run(20_000);
    expect(play.outputs.map(({ type }) => type)).toEqual(['confirm']);
  });

  it('goes on when the filtering becomes known, as long as the plan stays the same', () => {
    play.consider(between({ ...RANDOM, filtering: 'unknown' }, CONE));
    play.run(400);
    const before = play.outputs.length;
    play.consider(between(RANDOM, CONE));
    play.run(400);
    expect(play.outputs.slice(before).map(({ type }) => type)).not.toContain('open-sockets');
    expect(play.open.size).toBe(256);
    play.consider(between({ ...RANDOM, filtering: 'eif' }, CONE));
    expect([...play.open]).toEqual([]);
  });

  it('asks the relay again as soon as the peer is heard there, whatever the pause', () => {
    play.isBound = false;
    play.consider(between(CONE, RANDOM));
    const asked = () => play.outputs.filter(({ type }) => type === 'confirm').length;
    play.run(60);
    expect(asked()).toBe(2);
    play.isBound = true;
    play.guesser.notePeerBound(play.nowMs);
    play.run(0);
    expect(asked()).toBe(3);
    expect(play.outputs.at(-1)).toMatchObject({ type: 'probe' });
    play.guesser.notePeerBound(play.nowMs);
    play.run(2000);
    expect(asked()).toBe(3);
  });

  it('gives up when this machine has no sockets left', () => {
    play.canOpen = false;
    play.consider(between(PRESERVING, CONE));
    play.run(20_000);
    expect(play.outputs.filter(({ type }) => type === 'pair' || type === 'probe')).toEqual([]);
    expect(play.guesser.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('does not hold its sockets for a peer that never tells the port it probes from', () => {
    play.consider(between(RANDOM, { ...SEQUENTIAL, mapping: 'adm' }));
    expect(play.open.size).toBe(256);
    play.run(20_000);
    expect([...play.open]).toEqual([]);
    expect(play.guesser.deadline).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('what a hostile peer can draw', () => {
  const guessOf = (round: number) => ({ round, address: '198.51.100.2', ports: [41_000, 41_001] });

  it('is no second spray between the same addresses, whatever it says of its NAT', () => {
    for (let first = 1; first < 40; first++) {
      const peer: NatBehaviour = { ...RANDOM, ports: { kind: 'block', first, last: first + 5000 } };
      play.consider(between(CONE, peer));
      play.run(20_000, () => play.consider(between(CONE, peer)));
    }
    const probes = play.outputs.filter(({ type }) => type === 'probe').length;
    expect(probes).toBeGreaterThan(1000);
    expect(probes).toBeLessThanOrEqual(2048);
  });

  it('is only a few sprays, when it changes its mind in the middle of each', () => {
    for (let first = 1; first < 40; first++) {
      const peer: NatBehaviour = { ...RANDOM, ports: { kind: 'block', first, last: first + 5000 } };
      play.consider(between(CONE, peer));
      play.run(1000, () => play.consider(between(CONE, peer)));
    }
    expect(play.outputs.filter(({ type }) => type === 'probe').length).toBeLessThanOrEqual(3 * 2048);
  });

  it('is a bounded number of rounds, however many it asks for', () => {
    for (let round = 1; round <= 64; round++) {
      play.consider({ ...between(PRESERVING, PRESERVING), peerGuess: guessOf(round) });
      play.run(50);
    }
    expect(play.outputs.filter(({ type }) => type === 'guess').length).toBeLessThanOrEqual(16);
  });
});

it('does not use the ports of a round that is over again', () => {
  const stale = {
    ...between(CONE, SEQUENTIAL),
    peerGuess: { round: 1, address: '198.51.100.2', ports: [41_000] },
  };
  play.consider(stale);
  expect(play.outputs.filter(({ type }) => type === 'pair')).toHaveLength(1);
  play.settle([0]);
  play.run(5000, () => play.settle([0]));
  play.consider(stale);
  expect(play.outputs.filter(({ type }) => type === 'pair')).toHaveLength(1);
  play.consider({ ...stale, peerGuess: { ...stale.peerGuess, round: 2 } });
  expect(play.outputs.filter(({ type }) => type === 'pair')).toHaveLength(2);
});
