import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SIGNAL_COPIES, signalWays } from './signal-ways.ts';

const ways = (own: string, peers: string) =>
  signalWays([...own], [...peers]).map(({ at, supernode }) => (at === supernode ? at : `${at}>${supernode}`));

describe('ways of a signal', () => {
  it.each([
    ['A', 'A', ['A']],
    ['AB', 'AB', ['A', 'B']],
    ['AB', 'BA', ['A', 'B']],
    ['AB', 'BC', ['B', 'A>C']],
    ['AB', 'CD', ['A>C', 'B>D']],
    ['A', 'BC', ['A>B', 'A>C']],
    ['AB', 'C', ['A>C', 'B>C']],
    ['AB', 'A', ['A', 'B>A']],
    ['', 'A', []],
    ['A', '', []],
  ])('from %s to %s begin with %j', (own, peers, expected) => {
    expect(ways(own, peers).slice(0, SIGNAL_COPIES)).toEqual(expected);
  });

  it('survive the death of any one supernode when both sides have two', () => {
    const pair = fc.uniqueArray(fc.constantFrom(...'ABCDEF'), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(pair, pair, fc.constantFrom(...'ABCDEF'), (own, peers, dead) => {
        const chosen = signalWays(own, peers).slice(0, SIGNAL_COPIES);
        expect(chosen.some(({ at, supernode }) => at !== dead && supernode !== dead)).toBe(true);
      }),
    );
  });
});
