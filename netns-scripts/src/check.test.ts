import { expect, test } from 'vitest';
import { missingFor, missingTool } from './check.ts';
import { missingTools } from './optional-tools.ts';
import { loadScenario } from './scenarios.ts';
import { findTool, type Tool } from './tools.ts';

test('missing programs are named with the Debian packages that have them, each package once', () => {
  const absent: Tool[] = ['nft', 'nsenter', 'setpriv'];
  expect(missingTool((tool) => (absent.includes(tool) ? null : `/bin/${tool}`))).toEqual({
    possible: false,
    reason: 'missing programs: nsenter, setpriv, nft (Debian: util-linux nftables)',
    remedy: 'sudo apt-get install util-linux nftables',
  });
});

test('nothing is reported when every program is there', () => {
  expect(missingTool((tool) => `/bin/${tool}`)).toBeNull();
});

test('what is missing for some scenarios only stops those', () => {
  const none = () => missingTools(() => false);
  expect(missingFor(loadScenario('natPair'), none)).toBeNull();
  expect(missingFor(loadScenario('port-mapping-pcp'), () => [])).toBeNull();
  expect(missingFor(loadScenario('port-mapping-pcp'), none)).toEqual({
    possible: false,
    reason: 'missing for scenarios with portMapping: miniupnpd (Debian: miniupnpd-nftables)',
    remedy: 'sudo apt-get install miniupnpd-nftables',
  });
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
