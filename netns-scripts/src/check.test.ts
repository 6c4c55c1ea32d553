import { expect, test } from 'vitest';
import { missingFor } from './check.ts';
import { missingTool, noPortMapping } from './check-machine.ts';
import { loadScenario } from './scenarios.ts';
import { findTool, type Tool } from './tools.ts';

test('missing programs are named with the Debian packages that have them, each package once', () => {
  const absent: Tool[] = ['nft', 'nsenter', 'setpriv'];
  expect(missingTool((tool) => (absent.includes(tool) ? null : `/bin/${tool}`))).toEqual({
    reason: 'missing programs: nsenter, setpriv, nft (Debian: util-linux nftables)',
    remedy: 'sudo apt-get install util-linux nftables',
  });
});

test('nothing is reported when every program is there', () => {
  expect(missingTool((tool) => `/bin/${tool}`)).toBeNull();
});

test('what is missing for some scenarios only stops those', () => {
  const lack = {
    reason: 'missing for scenarios with portMapping: miniupnpd (Debian: miniupnpd-nftables)',
    remedy: 'sudo apt-get install miniupnpd-nftables',
  };
  expect(missingFor(loadScenario('natPair'), () => lack)).toBeNull();
  expect(missingFor(loadScenario('port-mapping-pcp'), () => null)).toBeNull();
  expect(missingFor(loadScenario('port-mapping-pcp'), () => lack)).toEqual(lack);
  expect(noPortMapping(() => null)).toEqual(lack);
});

test('of the two kinds of miniupnpd that Debian has, only the one for nftables will do', () => {
  const there = () => '/usr/sbin/miniupnpd';
  expect(noPortMapping(there, () => 'miniupnpd 2.3.1 using nftables backend\n')).toBeNull();
  expect(noPortMapping(there, () => 'miniupnpd 2.3.1 using netfilter backend\n')).not.toBeNull();
});

test('system programs are found without their directories in PATH', () => {
  const { PATH } = process.env;
  process.env.PATH = '/nowhere';
  try {
    expect(findTool('sh')).toMatch(/^\/.*\/sh$/);
  } finally {
    process.env.PATH = PATH;
  }
});
