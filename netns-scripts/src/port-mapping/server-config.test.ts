import { expect, test } from 'vitest';
import type { NatSpec } from '../spec.ts';
import { portMappingRules, serverConfig } from './server-config.ts';

const nat = (portMapping?: NatSpec['portMapping']): NatSpec => ({
  name: 'home',
  address: '11.22.33.1',
  inside: '192.168.1.0/24',
  mapping: 'eim',
  filtering: 'apdf',
  ...(portMapping && { portMapping }),
});

test.for<[protocols: NonNullable<NatSpec['portMapping']>, upnp: string, pmp: string, dropped: string[]]>([
  [['upnp-igd'], 'yes', 'no', ['0', '!= 0']],
  [['nat-pmp'], 'no', 'yes', ['!= 0']],
  [['pcp'], 'no', 'yes', ['0']],
  [['pcp', 'nat-pmp', 'upnp-igd'], 'yes', 'yes', []],
])('%j is served, and what is not listed dies in both directions', ([protocols, upnp, pmp, dropped]) => {
  const config = serverConfig(nat(protocols)).split('\n');
  expect(config).toContain(`enable_upnp=${upnp}`);
  expect(config).toContain(`enable_natpmp=${pmp}`);
  const rules = portMappingRules(nat(protocols));
  const versions = (way: string) =>
    [...rules.matchAll(new RegExp(`udp ${way} 5351 @th,64,8 (.+) counter drop`, 'g'))].map(([, one]) => one);
  expect([versions('dport'), versions('sport')]).toEqual([dropped, dropped]);
});

test('each router has a name and an identity of its own, the same every time', () => {
  const uuidOf = (name: string) =>
    /^uuid=([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12})$/m.exec(
      serverConfig({ ...nat(['upnp-igd']), name }),
    )?.[1];
  expect(uuidOf('home')).toBeTruthy();
  expect(uuidOf('home')).toBe(uuidOf('home'));
  expect(uuidOf('home')).not.toBe(uuidOf('mobile'));
});

test('a NAT without port mapping gets no rules for it', () => {
  expect(portMappingRules(nat())).toBe('');
});
