import { expect, test } from 'vitest';
import { missingTool } from './check-machine.ts';
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

test('system programs are found without their directories in PATH', () => {
  const { PATH } = process.env;
  process.env.PATH = '/nowhere';
  try {
    expect(findTool('sh')).toMatch(/^\/.*\/sh$/);
  } finally {
    process.env.PATH = PATH;
  }
});
