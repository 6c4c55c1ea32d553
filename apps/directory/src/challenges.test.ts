import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHALLENGE_LIFETIME_MS, Challenges } from './challenges.ts';

describe('Challenges', () => {
  const refused = expect.objectContaining({ code: 'nonce-invalid' });

  it('are good once', () => {
    const challenges = new Challenges(() => 0);
    const nonce = challenges.issue();
    challenges.spend(nonce);
    expect(() => challenges.spend(nonce)).toThrow(refused);
  });

  it('are good for five minutes', () => {
    let nowMs = 1000;
    const challenges = new Challenges(() => nowMs);
    const [one, other] = [challenges.issue(), challenges.issue()];
    nowMs += CHALLENGE_LIFETIME_MS - 1;
    challenges.spend(one);
    nowMs += 1;
    expect(() => challenges.spend(other)).toThrow(refused);
  });

  it('of another process are no good', () => {
    expect(() => new Challenges(() => 0).spend(new Challenges(() => 0).issue())).toThrow(refused);
  });

  it('cannot be made up or spelled otherwise', () => {
    const challenges = new Challenges(() => 0);
    const nonce = challenges.issue();
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String({ maxLength: 60 })), (text) => {
        expect(() => challenges.spend(text)).toThrow(refused);
      }),
    );
    const position = fc.integer({ min: 0, max: nonce.length - 1 });
    fc.assert(
      fc.property(position, fc.constantFrom(...'ABgw-_+/= '), (at, character) => {
        if (nonce[at] === character) return;
        expect(() => challenges.spend(nonce.slice(0, at) + character + nonce.slice(at + 1))).toThrow(refused);
      }),
    );
    for (const text of [`${nonce}=`, `${nonce}A`, `${nonce}\n`, ` ${nonce}`]) {
      expect(() => challenges.spend(text)).toThrow(refused);
    }
    challenges.spend(nonce);
  });

  it('are remembered in bounded memory, and make room as they expire', () => {
    let nowMs = 0;
    const challenges = new Challenges(() => nowMs, 3);
    for (let i = 0; i < 3; i++) challenges.spend(challenges.issue());
    expect(() => challenges.spend(challenges.issue())).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
    nowMs += CHALLENGE_LIFETIME_MS;
    challenges.spend(challenges.issue());
  });
});
