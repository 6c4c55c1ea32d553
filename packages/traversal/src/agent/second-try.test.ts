import { beforeEach, describe, expect, it } from 'vitest';
import type { NatBehaviour } from '../nat-behaviour.ts';
import type { GuessOutput, GuessSituation } from './guess-situation.ts';
import { Guesser } from './guesser.ts';

const CONE: NatBehaviour = { mapping: 'eim', filtering: 'apdf', ports: { kind: 'preserved' } };
const OPEN: NatBehaviour = { ...CONE, filtering: 'adf' };
const MOVING: NatBehaviour = { mapping: 'adm', filtering: 'apdf', ports: { kind: 'random' } };
const MAIN = 0;
const FRESH = 7;

const between = (own: NatBehaviour, peer: NatBehaviour): GuessSituation => ({
  own,
  peer,
  ownAddress: '198.51.100.1',
  peerTarget: { address: '198.51.100.2', target: '198.51.100.2:40000' },
  peerGuess: null,
  isFirst: true,
  mainSocket: MAIN,
});

let guesser: Guesser;
let nowMs: number;
beforeEach(() => {
  guesser = new Guesser((bytes) => new Uint8Array(bytes));
  nowMs = 0;
});

/** Lets time pass; whatever is due happens. */
function run(ms: number): GuessOutput[] {
  const until = nowMs + ms;
  const outputs: GuessOutput[] = guesser.poll();
  while (guesser.deadline <= until) {
    nowMs = Math.max(nowMs, guesser.deadline);
    guesser.handleTimeout(nowMs);
    outputs.push(...guesser.poll());
  }
  nowMs = until;
  return outputs;
}

/** Ordinary checks have failed for long enough, the relay confirms, and the socket is open. */
function begin(situation: GuessSituation): GuessOutput[] {
  guesser.consider(situation, nowMs);
  const outputs = run(1000);
  guesser.handleConfirmed('198.51.100.2', true, nowMs);
  guesser.handleOpened([{ socket: FRESH, localPort: 50_000 }], nowMs);
  return [...outputs, ...run(100)];
}

describe('a second try where ordinary checks should meet', () => {
  it('leaves these a second, and then opens one socket', () => {
    guesser.consider(between(CONE, CONE), nowMs);
    expect(run(990)).toEqual([]);
    expect(run(10)).toEqual([
      { type: 'confirm', address: '198.51.100.2' },
      { type: 'open-sockets', count: 1 },
    ]);
  });

  it('is not made when an ordinary check was answered in time', () => {
    guesser.consider(between(CONE, CONE), nowMs);
    run(900);
    guesser.settle([MAIN], nowMs);
    expect(run(10_000)).toEqual([]);
  });

  it('sends from the fresh socket to where the peer has been all the time', () => {
    expect(begin(between(MOVING, OPEN))).toContainEqual({
      type: 'pair',
      socket: FRESH,
      remote: '198.51.100.2:40000',
    });
  });

  it('tells where the fresh socket is seen, where that is the same for everybody', () => {
    expect(begin(between(CONE, CONE))).toContainEqual({ type: 'measure', socket: FRESH });
    guesser.handleMeasured('198.51.100.1:50123', nowMs);
    const guess = { round: 1, address: '198.51.100.1', ports: [50_123] };
    expect(guesser.poll()).toEqual([{ type: 'guess', guess }]);
    guesser.handleMeasured('198.51.100.1:50124', nowMs);
    expect(guesser.poll()).toEqual([]);
  });

  it('does not ask where it is seen when that tells the peer nothing', () => {
    expect(begin(between(MOVING, OPEN))).not.toContainEqual({ type: 'measure', socket: FRESH });
  });

  it("sends to the peer's fresh socket from where the peer knows us, once", () => {
    const situation = between(CONE, CONE);
    begin(situation);
    const peerGuess = { round: 1, address: '198.51.100.2', ports: [61_000] };
    const told = { ...situation, peerGuess };
    guesser.consider(told, nowMs);
    guesser.consider({ ...told }, nowMs);
    expect(guesser.poll()).toEqual([{ type: 'pair', socket: MAIN, remote: '198.51.100.2:61000' }]);
  });

  it('sends nothing to an address where the relay has not seen the peer', () => {
    guesser.consider(between(CONE, CONE), nowMs);
    run(1000);
    guesser.handleConfirmed('198.51.100.2', false, nowMs);
    guesser.handleOpened([{ socket: FRESH, localPort: 50_000 }], nowMs);
    expect(run(10_000).filter(({ type }) => type === 'pair')).toEqual([]);
  });

  it('is over after two seconds, and is not made again between the same addresses', () => {
    const situation = between(CONE, CONE);
    begin(situation);
    expect(run(2000)).toContainEqual({ type: 'close-sockets', sockets: [FRESH] });
    guesser.consider({ ...situation }, nowMs);
    expect(run(60_000)).toEqual([]);
    expect(guesser.deadline).toBe(Number.POSITIVE_INFINITY);
  });
});
