import { expect, it } from 'vitest';
import type { NatBehaviour } from '../nat-behaviour.ts';
import { CandidateExchange, type CandidateMessage } from './candidate-exchange.ts';

const MAIN = 0;
const EIM: NatBehaviour = { mapping: 'eim', filtering: 'apdf', ports: { kind: 'random' } };
const seenAt = (address: string) => [{ kind: 'server-reflexive' as const, address }];
const FROM_PEER: CandidateMessage = { seq: 1, ack: 0, flow: 9, candidates: seenAt('203.0.113.5:4000') };

/** Both sides are exposed and know an address of each other. */
function acquainted(): CandidateExchange {
  const exchange = new CandidateExchange(3);
  exchange.setLocal(seenAt('198.51.100.1:5000'));
  exchange.expose();
  exchange.read(FROM_PEER);
  return exchange;
}

it('there is nothing to guess from before both sides know each other', () => {
  const exchange = new CandidateExchange(3);
  expect(exchange.situation(MAIN)).toBeNull();
  exchange.expose();
  expect(exchange.situation(MAIN)).toBeNull();
  exchange.read(FROM_PEER);
  expect(exchange.situation(MAIN)).toMatchObject({
    ownAddress: null,
    peerTarget: { address: '203.0.113.5' },
  });
});

it('what there is to guess from stays the same object as long as nothing changes', () => {
  const exchange = acquainted();
  const situation = exchange.situation(MAIN);
  exchange.setLocal(seenAt('198.51.100.1:5000'));
  exchange.read(FROM_PEER);
  expect(exchange.situation(MAIN)).toBe(situation);
  expect(exchange.situation(MAIN + 1)).toMatchObject({ mainSocket: MAIN + 1 });
});

it.each<[string, (exchange: CandidateExchange) => void, object]>([
  [
    'our address',
    (exchange) => exchange.setLocal(seenAt('198.51.100.2:5000')),
    { ownAddress: '198.51.100.2' },
  ],
  ['our NAT', (exchange) => exchange.setNat(EIM), { own: EIM }],
  [
    "the peer's address",
    (exchange) => exchange.read({ ...FROM_PEER, seq: 2, candidates: seenAt('203.0.113.6:4000') }),
    { peerTarget: { address: '203.0.113.6', target: '203.0.113.6:4000' } },
  ],
  ["the peer's NAT", (exchange) => exchange.read({ ...FROM_PEER, seq: 2, nat: EIM }), { peer: EIM }],
  [
    "the peer's guess",
    (exchange) =>
      exchange.read({ ...FROM_PEER, seq: 2, guess: { round: 1, address: '203.0.113.5', ports: [7] } }),
    { peerGuess: { round: 1, address: '203.0.113.5', ports: [7] } },
  ],
])('what there is to guess from follows %s', (_, change, expected) => {
  const exchange = acquainted();
  exchange.situation(MAIN);
  change(exchange);
  expect(exchange.situation(MAIN)).toMatchObject(expected);
});
