import { UNKNOWN_NAT } from '@overcall/traversal';
import { expect, it } from 'vitest';
import { adviceFor, type Findings, PORT_MAPPING_UNKNOWN } from './findings.ts';

const FINE: Findings = {
  nat: { mapping: 'eim', filtering: 'apdf', ports: { kind: 'preserved' } },
  udp: 'open',
  publicAddresses: ['198.51.100.1'],
  hairpin: 'yes',
  directory: 'reachable',
  supernodes: 2,
  control: 'open',
  ipv6: { works: 'yes', publicAddress: '2001:db8::1' },
  portMapping: PORT_MAPPING_UNKNOWN,
  mappingLifetime: 'unknown',
  rttMs: 20,
  tookMs: 100,
};
const NONE = { upnp: 'no', natPmp: 'no', pcp: 'no' } as const;
const troubles = (change: Partial<Findings>) =>
  adviceFor({ ...FINE, ...change })
    .map(({ trouble }) => trouble)
    .join('; ');

it('has no advice where there is no trouble', () => {
  expect(troubles({})).toBe('');
});

it.each<[Partial<Findings>, RegExp]>([
  [{ udp: 'blocked', nat: UNKNOWN_NAT }, /^UDP to the supernodes is blocked$/],
  [{ control: 'blocked' }, /^TCP to the supernodes is blocked/],
  [{ directory: 'unreachable' }, /^the directory does not answer$/],
  [{ hairpin: 'no' }, /public address$/],
  [{ ipv6: { works: 'no', publicAddress: null } }, /IPv6/],
  [{ nat: UNKNOWN_NAT }, /two supernodes/],
  [
    { nat: { ...FINE.nat, mapping: 'apdm' } },
    /^the router gives every destination another port [^;]*guessed[^;]*$/,
  ],
  [
    { nat: { ...FINE.nat, mapping: 'apdm', ports: { kind: 'random' } }, portMapping: NONE },
    /^the router gives every destination another port at random[^;]*$/,
  ],
  [{ portMapping: NONE }, /^the router maps no ports on request$/],
  [{ portMapping: NONE, nat: { ...FINE.nat, mapping: 'none' } }, /^$/],
  [{ portMapping: NONE, udp: 'blocked', nat: UNKNOWN_NAT }, /^UDP to the supernodes is blocked$/],
])('%j', (change, trouble) => {
  expect(troubles(change)).toMatch(trouble);
});

it('a symmetric NAT that opens ports on request is no trouble', () => {
  const nat = { ...FINE.nat, mapping: 'apdm' as const };
  expect(troubles({ nat, portMapping: { ...PORT_MAPPING_UNKNOWN, pcp: 'yes' } })).toBe('');
});
