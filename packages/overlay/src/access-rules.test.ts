import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accessRules } from './access-rules.ts';

const KEY = 'k'.repeat(43);
const alice = { name: 'alice', identityKeyId: KEY };
const bob = { name: 'bob', identityKeyId: 'b'.repeat(43) };

describe('accessRules', () => {
  it.each([
    ['nothing said', [], [], true, true],
    ['a name allowed', ['alice'], [], true, false],
    ['a name allowed in another spelling', [' ALICE '], [], true, false],
    ['a key id allowed', [KEY], [], true, false],
    ['both allowed', ['alice', 'bob'], [], true, true],
    ['a name denied', [], ['alice'], false, true],
    ['a key id denied', [], [KEY], false, true],
    ['allowed by name, denied by key id', ['alice', 'bob'], [KEY], false, true],
    ['allowed by key id, denied by name', [KEY], ['alice'], false, false],
    ['only a network allowed', ['10.0.0.0/8'], [], true, true],
    ['only a network denied', [], ['10.0.0.0/8'], true, true],
  ] as const)('judges users: %s', (_what, allow, deny, takesAlice, takesBob) => {
    const { mayAttach } = accessRules(allow, deny);
    expect([mayAttach(alice), mayAttach(bob)]).toEqual([takesAlice, takesBob]);
  });

  it.each([
    ['nothing said', [], [], ['10.1.2.3', '192.0.2.1', '2001:db8::1'], []],
    [
      'a network allowed',
      ['10.0.0.0/8'],
      [],
      ['10.1.2.3', '::ffff:10.1.2.3'],
      ['11.0.0.1', '2001:db8::1', ''],
    ],
    ['a network denied', [], ['2001:db8::/32'], ['10.1.2.3', '2001:db9::1'], ['2001:db8:1::1']],
    ['a part of it denied', ['10.0.0.0/8'], ['10.1.0.0/16'], ['10.2.0.1'], ['10.1.0.1', '::ffff:10.1.0.1']],
    ['only users named', ['alice'], ['bob'], ['10.1.2.3'], []],
    ['one address', [], ['192.0.2.1/32'], ['192.0.2.2'], ['192.0.2.1', '64:ff9b::192.0.2.1']],
  ] as const)('judges addresses: %s', (_what, allow, deny, taken, refused) => {
    const { mayComeFrom } = accessRules(allow, deny);
    for (const address of taken) expect([address, mayComeFrom(address)]).toEqual([address, true]);
    for (const address of refused) expect([address, mayComeFrom(address)]).toEqual([address, false]);
  });

  it.each([
    '',
    'no name!',
    '10.0.0.1',
    '2001:db8::1',
    '10.0.0.0/33',
    'alice/8',
    'a..b',
  ])('names "%s" as a bad rule', (rule) => {
    expect(() => accessRules([rule])).toThrow(`--allow "${rule}" is no username, key id or network`);
    expect(() => accessRules([], [rule])).toThrow(`--deny "${rule}"`);
  });

  it('lets nobody in whom a denial names, whatever is allowed', () => {
    const rule = fc.constantFrom('alice', 'bob', KEY, bob.identityKeyId, '10.0.0.0/8');
    fc.assert(
      fc.property(fc.array(rule), fc.array(rule), (allow, deny) => {
        const { mayAttach, mayComeFrom } = accessRules(allow, [...deny, 'alice', '10.1.0.0/16']);
        expect(mayAttach(alice) || mayComeFrom('10.1.2.3')).toBe(false);
      }),
    );
  });
});
