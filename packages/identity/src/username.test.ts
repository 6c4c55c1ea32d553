import { OvercallError } from '@overcall/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalUsername, MAX_USERNAME_CHARS, usernameSkeleton } from './username.ts';

/** Strings near the border of what is allowed: letters of several scripts, digits, marks, punctuation. */
const nearNames = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'abzAZ019._- \u0301\u200d\u3164ßẞſıİςΣοОоłǰﬁª'),
    fc.constantFrom('ア', 'い', '漢', 'ー', '한', 'ㄅ', 'न', 'े', 'ม', 'ש', 'ع', 'გ', '𝒜', '٣', '\ud800'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 40,
});

function canonicalOrNull(input: string): string | null {
  try {
    return canonicalUsername(input);
  } catch (error) {
    if (error instanceof OvercallError && error.code === 'username-invalid') return null;
    throw error;
  }
}

describe('canonicalUsername', () => {
  it.each([
    ['alice', 'alice'],
    ['  Alice\n', 'alice'],
    ['Ａlice', 'alice'],
    ['𝒜lice', 'alice'],
    ['Straße', 'strasse'],
    ['STRASSE', 'strasse'],
    ['ﬁn', 'fin'],
    ['e\u0301mile', 'émile'],
    ['ΝΊΚΟΣ', 'νίκοσ'],
    ['νίκος', 'νίκοσ'],
    ['Коля', 'коля'],
    ['j.r_r-t2', 'j.r_r-t2'],
    ['7', '7'],
    ['アーニャと佐々木', 'アーニャと佐々木'],
    ['김철수', '김철수'],
    ['नेहा', 'नेहा'],
    ['x'.repeat(32), 'x'.repeat(32)],
  ])('takes %j as %j', (input, canonical) => {
    expect(canonicalUsername(input)).toBe(canonical);
  });

  it.each([
    ['', 'it is empty'],
    ['   ', 'it is empty'],
    ['x'.repeat(33), 'more than 32 characters'],
    ['x'.repeat(100_000), 'more than 32 characters'],
    ['.alice', 'letters and digits'],
    ['alice-', 'letters and digits'],
    ['a..b', 'letters and digits'],
    ['a b', 'letters and digits'],
    ['a\u0000b', 'letters and digits'],
    ['a\u200db', 'letters and digits'],
    ['\u3164', 'letters and digits'],
    ['l\u0337', 'letters and digits'],
    ['ᴀlice', 'letters and digits'],
    ['\u0301a', 'letters and digits'],
    ['user٣', 'letters and digits'],
    ['\ud800', 'letters and digits'],
    ['<script>', 'letters and digits'],
    ['аlice', 'one script'],
    ['aλ', 'one script'],
    ['한あ', 'one script'],
  ])('refuses %j: %s', (input, reason) => {
    expect(() => canonicalUsername(input)).toThrow(
      expect.objectContaining({ code: 'username-invalid', message: expect.stringContaining(reason) }),
    );
  });

  it('leaves a canonical name as it is, and every case of it leads there', () => {
    fc.assert(
      fc.property(nearNames, (input) => {
        const name = canonicalOrNull(input);
        if (name === null) return;
        expect(canonicalUsername(name)).toBe(name);
        expect(canonicalUsername(name.toUpperCase())).toBe(name);
        expect(canonicalUsername(name.normalize('NFD'))).toBe(name);
        expect([...name].length).toBeLessThanOrEqual(MAX_USERNAME_CHARS);
        expect(name).not.toMatch(/[\s\p{C}]/u);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('usernameSkeleton', () => {
  it.each([
    ['rnax', 'max'],
    ['al1ce', 'allce'],
    ['b0b', 'bob'],
    ['сосо', 'coco'],
    ['ѕех', 'sex'],
  ])('is the same for %s and %s', (one, other) => {
    expect(usernameSkeleton(canonicalUsername(one))).toBe(usernameSkeleton(canonicalUsername(other)));
  });

  it.each([
    ['alice', 'alicia'],
    ['bob', 'bob2'],
    ['user-1', 'user-2'],
    ['émile', 'emile'],
  ])('tells %s from %s', (one, other) => {
    expect(usernameSkeleton(canonicalUsername(one))).not.toBe(usernameSkeleton(canonicalUsername(other)));
  });
});
